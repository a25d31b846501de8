"""Indexed scan: reads the tag index of everything, describes only what is not clearly kept.

Describing each of 50,000 machines takes minutes, and is useless if the account is clean. So the
index is read first, then the ledgers, and then only resources that the ledgers do not clearly keep
are described (`reconciler.plan.prefilter`). The order is still safe (rule 2): only resources in the
index are judged, and what the index showed and the later ledger does not root has ended.
Descriptions only add facts that protect resources: births, holds, uses, addresses.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from reconciler.errors import AccessDenied, CloudError
from reconciler.model.coverage import INDEX, Read, ReadStatus
from reconciler.model.resource import Gap, Inventory
from reconciler.model.tag_summary import TagSummary
from reconciler.plan import prefilter
from reconciler.ports.cloud_inventory import CloudInventory
from reconciler.ports.fleet import Fleet
from reconciler.sweep.snapshot import Snapshot, alive, databases_of, each, merge, read_roots


@dataclass(frozen=True)
class Index:
    """The tag indexes of all regions, and when their reading began (monotonic seconds)."""

    began: float
    found: tuple[TagSummary, ...]

    @property
    def calls(self) -> int:
        """How many requests it took."""
        return sum(row.calls for one in self.found for row in one.reads)


def read_index(fleet: Fleet) -> Index:
    """Read the index of every region. An unreadable index has a gap for every kind."""
    began = time.monotonic()
    return Index(began, tuple(each(list(fleet.inventories.values()), _tag_summary)))


def _tag_summary(heap: CloudInventory) -> TagSummary:
    """The region's index. Access denied is treated like no answer: the region is unknown."""
    try:
        return heap.tag_summary()
    except (CloudError, AccessDenied) as error:
        row = Read(heap.place, INDEX, ReadStatus.FAILED, note=error.message)
        return TagSummary(heap.place, {}, (Gap.of(heap.place, "resource", error),), (row,))


def indexed_scan(fleet: Fleet, index: Index) -> Snapshot:
    """The cloud without what is clearly kept. Later rounds of a sweep reuse its first index.

    Resources created later are not part of this sweep; resources that are gone are not described.
    """
    heaps, databases = fleet.inventories, databases_of(fleet)
    ledgers = read_roots(fleet, databases, index.began)
    requests = fleet.full_requests(ledgers.readings)
    resources = [resource for listed in databases.values() for resource in listed.resources]

    def look(tag_summary: TagSummary) -> Inventory:
        choice = prefilter.choose(tag_summary, resources, ledgers.roots, requests)
        return look_at(heaps[tag_summary.place], tag_summary, choice)

    scans = each(index.found, look)
    return ledgers.world(merge(scans, list(databases.values()), fleet.other_places))


def look_at(heap: CloudInventory, tag_summary: TagSummary, choice: prefilter.Choice) -> Inventory:
    """The chosen resources, what they use, what uses them, and what they were made from."""
    first = alive(heap.describe_groups(choice.wanted))
    neighbours = prefilter.neighbours(tag_summary, first.resources, choice.wanted)
    more = alive(heap.describe_groups(neighbours)) if neighbours else Inventory()
    return Inventory(
        first.resources + more.resources,
        tag_summary.gaps + first.gaps + more.gaps,
        tag_summary.reads + first.reads + more.reads,
        prefilter.without(choice.plain, more.resources),
    )
