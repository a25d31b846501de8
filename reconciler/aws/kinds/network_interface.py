"""Network interfaces. A primary one is deleted with its instance; others must be detached first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.aws.client.query import Reads, tags_of
from reconciler.aws.deletion import Deleter, judged
from reconciler.aws.kinds.instance import interface_addresses
from reconciler.aws.kinds.kind import Kind, Raw
from reconciler.errors import AccessDenied, CloudError
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import INTERFACE, Resource
from reconciler.model.tags import AccountRegion


def describe(reads: Reads, ids: Sequence[str]) -> Iterator[Resource]:
    """The interfaces of these ids that exist."""
    for one in _raw(reads, ids):
        yield _resource(one, reads.place)


def delete(deleter: Deleter, resources: Sequence[Resource]) -> Iterator[Outcome]:
    """Delete the free ones, detach the detachable ones (the next round deletes them)."""
    found = {
        one["NetworkInterfaceId"]: one.get("Attachment") or {}
        for one in _raw(Reads(deleter.aws), [resource.id for resource in resources])
    }
    for resource in resources:
        attachment = found.get(resource.id, {})
        if attachment.get("AttachmentId"):
            yield _detach(deleter, resource, attachment)
        else:
            yield from deleter.each("delete_network_interface", "NetworkInterfaceId", [resource])


def _detach(deleter: Deleter, resource: Resource, attachment: Raw) -> Outcome:
    holder = attachment.get("InstanceId") or attachment.get("InstanceOwnerId", "another service")
    if attachment.get("DeviceIndex", 0) == 0 or not attachment.get("InstanceId"):
        return Outcome(resource, OutcomeStatus.BLOCKED, f"it belongs to {holder} and goes with it")
    if attachment.get("Status") == "detaching":
        return Outcome(resource, OutcomeStatus.PENDING, f"being detached from {holder}")
    try:
        deleter.ask("detach_network_interface", AttachmentId=attachment["AttachmentId"])
    except (CloudError, AccessDenied) as error:
        return judged(resource, error)
    return Outcome(
        resource, OutcomeStatus.DONE, f"detached from {holder}; to be deleted once it is free"
    )


def _raw(reads: Reads, ids: Sequence[str]) -> Iterator[Raw]:
    for page in reads.by_filter("describe_network_interfaces", "network-interface-id", ids):
        yield from page["NetworkInterfaces"]


def _resource(one: Raw, place: AccountRegion) -> Resource:
    attachment = one.get("Attachment") or {}
    # An interface of another service (a load balancer, RDS) has an owner instead of an instance.
    holder = attachment.get("InstanceId") or attachment.get("InstanceOwnerId")
    addresses = interface_addresses(one)
    public = tuple(dict.fromkeys(address for address in addresses[1::2] if address))
    return Resource(
        INTERFACE,
        one["NetworkInterfaceId"],
        place,
        tags_of(one, "TagSet") or tags_of(one),
        state=one.get("Status", ""),
        zone=one.get("AvailabilityZone", ""),
        addresses=tuple(dict.fromkeys(address for address in addresses if address)),
        public=public,
        used_by=(holder,) if holder else (),
        public_ips=0 if holder else len(public),
    )


KIND = Kind(INTERFACE, describe, delete)
