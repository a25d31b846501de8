"""Elastic IPs. Termination disassociates them but never releases them, and idle ones cost money.

A released address may belong to another account a minute later (aws.md §3): `mark` keeps an address
that is in the A record, and AWS refuses to release one in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.aws.client.query import Reads, tags_of
from reconciler.aws.deletion import Deleter
from reconciler.aws.kinds.kind import Kind
from reconciler.model.outcome import Outcome
from reconciler.model.resource import ADDRESS, Resource
from reconciler.model.tags import AccountRegion


def describe(reads: Reads, ids: Sequence[str]) -> Iterator[Resource]:
    """The addresses of these allocation ids that the account still owns."""
    for answer in reads.unpaged("describe_addresses", "allocation-id", ids):
        for one in answer["Addresses"]:
            yield _resource(one, reads.place)


def delete(deleter: Deleter, resources: Sequence[Resource]) -> Iterator[Outcome]:
    """Release them; AWS refuses an associated one (InvalidIPAddress.InUse)."""
    yield from deleter.each("release_address", "AllocationId", resources)


def _resource(one: dict[str, Any], place: AccountRegion) -> Resource:
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


KIND = Kind(ADDRESS, describe, delete)
