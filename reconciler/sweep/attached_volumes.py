"""Describes the volumes that machines of ours use and that carry no tags of ours.

So it is after an adoption: only the machine is tagged. The volumes are paid for with it, so every
view of what a service costs counts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Protocol

from reconciler.model.resource import INSTANCE, Inventory, Resource
from reconciler.model.tags import AccountRegion
from reconciler.plan.service_plan import STRANGE, Plan
from reconciler.util.concurrency import begun


class Volumes(Protocol):
    """Describes volumes by their ids: `CloudInventory.volumes`."""

    @property
    def place(self) -> AccountRegion:
        """The account and region of the volumes."""
        ...

    def volumes(self, ids: Sequence[str]) -> Inventory:
        """The volumes of these ids."""
        ...


class VolumesAhead:
    """Describes them beside the ledger's reading, for who only says what they cost.

    Whose the machines are is decided by the ledger, so more is described than is asked for later.
    """

    def __init__(self, heap: Volumes) -> None:
        self._heap = heap
        self._ids: frozenset[str] = frozenset()
        self._found: Future[Inventory] | None = None

    @property
    def place(self) -> AccountRegion:
        """See `Volumes`."""
        return self._heap.place

    def begin(self, inventory: Inventory) -> None:
        """Ask for what the machines of an inventory use, and return at once."""
        known = {resource.id for resource in inventory.resources}
        here = (one for one in inventory.resources if one.place == self.place)
        ids = self._ids = frozenset(id_ for _, id_ in _used(here, known))
        if ids:
            self._found = begun(lambda: self._heap.volumes(sorted(ids)))

    def volumes(self, ids: Sequence[str]) -> Inventory:
        """See `Volumes`. What was not asked for ahead is asked for now."""
        if self._found is None or not self._ids.issuperset(ids):
            return self._heap.volumes(ids)
        found = self._found.result()
        wanted = tuple(one for one in found.resources if one.id in ids)
        return Inventory(wanted, found.gaps, found.reads)


def attached_volumes(plan: Plan, heaps: Mapping[AccountRegion, Volumes]) -> Inventory:
    """The volumes of `untagged_volumes`. No call is made where there are none."""
    wanted: dict[AccountRegion, list[str]] = {}
    for place, id_ in untagged_volumes(plan):
        wanted.setdefault(place, []).append(id_)
    found = [heaps[place].volumes(ids) for place, ids in wanted.items() if place in heaps]
    return Inventory(
        tuple(resource for one in found for resource in one.resources),
        tuple(gap for one in found for gap in one.gaps),
        tuple(read for one in found for read in one.reads),
    )


def untagged_volumes(plan: Plan) -> tuple[tuple[AccountRegion, str], ...]:
    """The volumes that machines of ours use and that carry no tags of ours, as after an adoption.

    They are paid for with the machine, though no sweep would ever delete them by themselves.
    """
    judged = (verdict.resource for verdict in (*plan.verdicts, *plan.strangers))
    known = {resource.id for resource in (*plan.inventory.resources, *judged)}
    machines = (v.resource for v in plan.verdicts if v.reason not in STRANGE)
    return tuple(_used(machines, known))


def _used(
    resources: Iterable[Resource], known: Iterable[str]
) -> Iterator[tuple[AccountRegion, str]]:
    """The volumes that machines use and that are not among `known`."""
    for machine in resources:
        if machine.kind == INSTANCE:
            volumes = (used for used in machine.uses if used.startswith("vol-"))
            yield from ((machine.place, used) for used in volumes if used not in known)
