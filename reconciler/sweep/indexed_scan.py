"""Indexed scan: reads the tag index of everything, describes only what is not clearly kept.

Describing each of 50,000 machines takes minutes, and is useless if the account is clean. So the
index is read first, then the ledgers, and then only resources that the ledgers do not clearly keep
are described (`reconciler.plan.prefilter`). The order is still safe (rule 2): only resources in the
index are judged, and what the index showed and the later ledger does not root has ended.
Descriptions only add facts that protect resources: births, holds, uses, addresses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.errors import AccessDenied, CloudError
from reconciler.model.coverage import INDEX, Read, ReadStatus
from reconciler.model.reading import Reading
from reconciler.model.resource import Gap, Inventory
from reconciler.model.tag_summary import TagSummary
from reconciler.plan import prefilter
from reconciler.plan.service_plan import SweepRequest
from reconciler.ports.cloud_inventory import CloudInventory
from reconciler.ports.fleet import NOTHING, OtherPlaces
from reconciler.ports.service import ManagedService
from reconciler.sweep.database_listing import list_databases
from reconciler.sweep.snapshot import Snapshot, alive, each, merge, read_roots

AsksOf = Callable[[Mapping[str, Reading]], Mapping[str, SweepRequest]]
"""Returns the request for every service, once its ledger has been read."""


def full_asks(
    readings: Mapping[str, Reading],
    services: Sequence[ManagedService],
    asks: Mapping[str, SweepRequest],
    *,
    unfinished_only: bool,
) -> Mapping[str, SweepRequest]:
    """The request for every service: the default, unless `asks` says more."""
    full = {}
    for one in services:
        asked = asks.get(one.name) or SweepRequest(one.retention)
        usual = one.name not in asks or asked.among is not None
        if usual:
            asked = replace(asked, ttl=readings[one.name].drain_ttl if one.name in readings else 60)
        full[one.name] = replace(asked, unfinished_only=unfinished_only)
    return full


@dataclass(frozen=True)
class Index:
    """The tag indexes of all regions, and when their reading began (monotonic seconds)."""

    began: float
    found: tuple[TagSummary, ...]

    @property
    def calls(self) -> int:
        """How many requests it took."""
        return sum(row.calls for one in self.found for row in one.reads)


def read_index(services: Sequence[ManagedService], beside: OtherPlaces = NOTHING) -> Index:
    """Read the index of every region. An unreadable index has a gap for every kind."""
    began = time.monotonic()
    return Index(began, tuple(each(_heaps(services, beside), _census)))


def _census(heap: CloudInventory) -> TagSummary:
    """The region's index. Access denied is treated like no answer: the region is unknown."""
    try:
        return heap.tag_summary()
    except (CloudError, AccessDenied) as error:
        row = Read(heap.place, INDEX, ReadStatus.FAILED, note=error.message)
        return TagSummary(heap.place, {}, (Gap.of(heap.place, "resource", error),), (row,))


def glance(
    services: Sequence[ManagedService], index: Index, asks_of: AsksOf, beside: OtherPlaces = NOTHING
) -> Snapshot:
    """The cloud without what is clearly kept. Later rounds of a sweep reuse its first index.

    Resources created later are not part of this sweep; resources that are gone are not described.
    """
    heaps = {heap.place: heap for heap in _heaps(services, beside)}
    names = [one.name for one in services]
    databases = dict(zip(names, each(services, list_databases), strict=True))
    ledgers = read_roots(services, databases, beside, index.began)
    asks = asks_of(ledgers.readings)
    resources = [resource for one in databases.values() for resource in one.resources]

    def look(tag_summary: TagSummary) -> Inventory:
        choice = prefilter.choose(tag_summary, resources, ledgers.roots, asks)
        return look_at(heaps[tag_summary.place], tag_summary, choice)

    seen = each(index.found, look)
    return ledgers.world(merge(seen, list(databases.values()), beside))


def _heaps(services: Sequence[ManagedService], beside: OtherPlaces) -> list[CloudInventory]:
    heaps = {heap.place: heap for heap in (*beside.heaps, *(one.heap for one in services))}
    return list(heaps.values())


def look_at(heap: CloudInventory, tag_summary: TagSummary, choice: prefilter.Choice) -> Inventory:
    """The chosen resources, what they use, what uses them, and what they were made from."""
    first = alive(heap.describe_groups(choice.wanted))
    beside = prefilter.neighbours(tag_summary, first.resources, choice.wanted)
    more = alive(heap.describe_groups(beside)) if beside else Inventory()
    return Inventory(
        first.resources + more.resources,
        tag_summary.gaps + first.gaps + more.gaps,
        tag_summary.reads + first.reads + more.reads,
        prefilter.without(choice.plain, more.resources),
    )
