"""Elastic IPs. Termination disassociates them but never releases them, and idle ones cost money.

A released address may belong to another account a minute later (aws.md §3): `mark` keeps an address
that is in the A record, and AWS refuses to release one in use (InvalidIPAddress.InUse).
"""

from __future__ import annotations

from reconciler.aws.client.query import tags_of
from reconciler.aws.kinds.kind import Kind, Raw, by_filter, each
from reconciler.model.resource import ADDRESS, Resource
from reconciler.model.tags import AccountRegion


def resource_of(one: Raw, place: AccountRegion) -> Resource:
    """One of them, from its description."""
    # A NAT gateway or a load balancer holds an interface; only the interface's id is visible.
    holder = one.get("InstanceId") or one.get("NetworkInterfaceId") or one.get("AssociationId")
    public = tuple(address for address in (one.get("PublicIp"),) if address)
    return Resource(
        ADDRESS,
        one["AllocationId"],
        place,
        tags_of(one),
        state="associated" if holder else "idle",
        addresses=public,
        public=public,
        used_by=(holder,) if holder else (),
        # An associated address is billed with its machine or interface.
        public_ips=0 if holder else 1,
    )


KIND = Kind(
    ADDRESS,
    by_filter("describe_addresses", "allocation-id", "Addresses", resource_of),
    each("release_address", "AllocationId"),
)
