"""A sweep's look: the tag index of everything, and the description of what is not plainly kept.

To describe each of 50,000 machines takes minutes, and of a clean account it is all in vain. So the
index is read first, then the ledgers, and then only what they do not plainly keep is described
(`reconciler.plan.prefilter`). The order is still safe (rule 2): nothing is judged that did not
stand in the index, and whatever that showed and the later ledger does not root has ended.
Descriptions only add what protects: births, holds, uses, addresses.
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
from reconciler.sweep.snapshot import Snapshot, alive, each, list_databases, merge, read_roots

AsksOf = Callable[[Mapping[str, Reading]], Mapping[str, SweepRequest]]
"""What is asked of every service, once its ledger has been read."""


def full_asks(
    readings: Mapping[str, Reading],
    services: Sequence[ManagedService],
    asks: Mapping[str, SweepRequest],
    *,
    unfinished_only: bool,
) -> Mapping[str, SweepRequest]:
    """What is asked of every service: the ordinary, unless `asks` says more."""
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
    """The tag indexes of every place, and when they were begun (monotonic seconds)."""

    began: float
    found: tuple[TagSummary, ...]

    @property
    def calls(self) -> int:
        """How many requests it took."""
        return sum(row.calls for one in self.found for row in one.reads)


def read_index(services: Sequence[ManagedService], beside: OtherPlaces = NOTHING) -> Index:
    """The index of every place. One that could not be read has a gap for every kind."""
    began = time.monotonic()
    return Index(began, tuple(each(_heaps(services, beside), _census)))


def _census(heap: CloudInventory) -> TagSummary:
    """The place's index. One that may not be entered is as unknown as one that does not answer."""
    try:
        return heap.tag_summary()
    except (CloudError, AccessDenied) as error:
        row = Read(heap.place, INDEX, ReadStatus.FAILED, note=error.message)
        return TagSummary(heap.place, {}, (Gap.of(heap.place, "resource", error),), (row,))


def glance(
    services: Sequence[ManagedService], index: Index, asks_of: AsksOf, beside: OtherPlaces = NOTHING
) -> Snapshot:
    """The world as far as it is not plainly kept. Later rounds of a sweep use its first index.

    What came to be after that is not this sweep's business, and what is gone is not described.
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
    """What was chosen, and what that holds, is held by or was made from."""
    first = alive(heap.describe_groups(choice.wanted))
    beside = prefilter.neighbours(tag_summary, first.resources, choice.wanted)
    more = alive(heap.describe_groups(beside)) if beside else Inventory()
    return Inventory(
        first.resources + more.resources,
        tag_summary.gaps + first.gaps + more.gaps,
        tag_summary.reads + first.reads + more.reads,
        prefilter.without(choice.plain, more.resources),
    )
