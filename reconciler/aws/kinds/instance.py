"""Instances. Terminated ones stay listed for about an hour; their state says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from reconciler.aws.client.query import Reads, tags_of
from reconciler.aws.deletion import Deleter
from reconciler.aws.kinds.kind import Kind, Raw
from reconciler.model import tags as t
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import INSTANCE, BillingTerms, Resource
from reconciler.model.tags import AccountRegion

_STOPPED_AT = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
"""In a StateTransitionReason: `User initiated (2026-11-23 03:29:52 GMT)`."""

BATCH = 1000
"""The maximum number of ids per TerminateInstances call."""


def describe(reads: Reads, ids: Sequence[str]) -> Iterator[Resource]:
    """The instances of these ids that AWS still lists."""
    return _listed(reads, "instance-id", ids)


def born_of(reads: Reads, service: str) -> Iterator[Resource]:
    """The instances whose `deploy-id` names the service, in any state."""
    return _listed(reads, f"tag:{t.ID}", [f"{service}/*"])


def _listed(reads: Reads, name: str, values: Sequence[str]) -> Iterator[Resource]:
    for page in reads.by_filter("describe_instances", name, values):
        for reservation in page["Reservations"]:
            for one in reservation["Instances"]:
                yield resource_of(one, reads.place)


def delete(deleter: Deleter, resources: Sequence[Resource]) -> Iterator[Outcome]:
    """Terminate them. Idempotent; the shutdown is graceful and takes time.

    A person has set the termination protection. It is removed only if the configuration allows it,
    and only from instances that AWS has refused: those are garbage that was verified a moment ago.
    """
    for one in _terminate(deleter, resources):
        if deleter.lifts and one.resource.id in deleter.protected:
            yield from _lifted(deleter, one)
        else:
            yield one


def _terminate(deleter: Deleter, resources: Sequence[Resource]) -> Iterator[Outcome]:
    return deleter.batch(
        "terminate_instances", lambda ids: {"InstanceIds": list(ids)}, resources, BATCH
    )


def _lifted(deleter: Deleter, refused: Outcome) -> Iterator[Outcome]:
    """Remove the protection and repeat the request once."""
    resource, off = refused.resource, {"Value": False}
    why = deleter.lift(
        "modify_instance_attribute", InstanceId=resource.id, DisableApiTermination=off
    )
    if why:
        yield Outcome(resource, OutcomeStatus.BLOCKED, why)
    else:
        yield from _terminate(deleter, [resource])


def why_not_parked(reads: Reads, id_: str) -> str:
    """Why this instance would not stop if it halted itself; '' if it would (aws.md §1)."""
    asked = "instanceInitiatedShutdownBehavior"
    answer = reads.call("describe_instance_attribute", InstanceId=id_, Attribute=asked)
    behaviour = answer.get("InstanceInitiatedShutdownBehavior", {}).get("Value", "unknown")
    return "" if behaviour == "stop" else f"its shutdown behaviour is `{behaviour}`, not `stop`"


def addresses_of(one: Raw) -> tuple[str, ...]:
    """Every IPv4 address, private, secondary, public or elastic, in the order AWS gives them."""
    found = [one.get("PrivateIpAddress"), one.get("PublicIpAddress")]
    for interface in one.get("NetworkInterfaces") or ():
        found += interface_addresses(interface)
    return tuple(dict.fromkeys(address for address in found if address))


def interface_addresses(interface: Raw) -> list[str | None]:
    """An interface's private addresses, each followed by its public address."""
    found: list[str | None] = []
    for one in (interface, *(interface.get("PrivateIpAddresses") or ())):
        found += [one.get("PrivateIpAddress"), (one.get("Association") or {}).get("PublicIp")]
    return found


def public_of(one: Raw) -> tuple[str, ...]:
    """The public addresses that it is billed for, the main one first."""
    found = [one.get("PublicIpAddress")]
    for interface in one.get("NetworkInterfaces") or ():
        found += interface_addresses(interface)[1::2]
    return tuple(dict.fromkeys(address for address in found if address))


def elastic_of(one: Raw) -> tuple[str, ...]:
    """The Elastic IPs, the main one first: an address that EC2 lends is owned by `amazon`."""
    owners: dict[str, str] = {}
    for interface in one.get("NetworkInterfaces") or ():
        for each in (interface, *(interface.get("PrivateIpAddresses") or ())):
            association = each.get("Association") or {}
            owners[association.get("PublicIp", "")] = association.get("IpOwnerId", "amazon")
    return tuple(each for each in public_of(one) if owners.get(each, "amazon") != "amazon")


def billing_of(one: Raw) -> BillingTerms:
    """What its price depends on beside its type."""
    stopped = _STOPPED_AT.search(one.get("StateTransitionReason") or "")
    return BillingTerms(
        platform=one.get("PlatformDetails") or "",
        tenancy=one.get("Placement", {}).get("Tenancy") or "",
        lifecycle=one.get("InstanceLifecycle") or "",
        first_started=_first_started(one),
        stopped=datetime.fromisoformat(stopped[1]).replace(tzinfo=UTC) if stopped else None,
    )


def _first_started(one: Raw) -> datetime | None:
    """Its first start: volumes and interfaces stay attached when it stops, LaunchTime moves on."""
    mappings = (mapping.get("Ebs", {}) for mapping in one["BlockDeviceMappings"])
    interfaces = (each.get("Attachment", {}) for each in one.get("NetworkInterfaces") or ())
    times = [each.get("AttachTime") for each in (*mappings, *interfaces)]
    return min((time for time in times if time), default=None)


def resource_of(one: Raw, place: AccountRegion) -> Resource:
    """One of them, from its description."""
    volumes = [mapping.get("Ebs", {}).get("VolumeId") for mapping in one["BlockDeviceMappings"]]
    public = public_of(one)
    interfaces = [each.get("NetworkInterfaceId") for each in one.get("NetworkInterfaces") or ()]
    return Resource(
        INSTANCE,
        one["InstanceId"],
        place,
        tags_of(one),
        state=one["State"]["Name"],
        token=one.get("ClientToken", ""),
        zone=one.get("Placement", {}).get("AvailabilityZone", ""),
        type=one.get("InstanceType", ""),
        source=one.get("ImageId", ""),
        created=one.get("LaunchTime"),
        addresses=addresses_of(one),
        public=public,
        elastic=elastic_of(one),
        uses=tuple(each for each in volumes + interfaces if each),
        public_ips=len(public),
        billing=billing_of(one),
    )


KIND = Kind(INSTANCE, describe, delete)
