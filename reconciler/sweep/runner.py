"""The sweep: read, plan, execute, in rounds while there is progress.

There is one clean-up mechanism. A failed deploy cleans up by a sweep of its own id, the scheduled
sweep cleans up a dead deploy, and no step has an undo of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.model.reading import Reading
from reconciler.model.resource import service_of
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import Plan, ServicePlan, SweepRequest
from reconciler.ports.fleet import NOTHING, OtherPlaces
from reconciler.ports.service import ManagedService, OnOutcome
from reconciler.sweep.absence import is_settled, without
from reconciler.sweep.executor import Executor
from reconciler.sweep.indexed_scan import Index, full_asks, glance, read_index
from reconciler.sweep.name_listing import with_names
from reconciler.sweep.result import SweepResult, Tally
from reconciler.sweep.snapshot import Snapshot, observe

ROUNDS = 6
"""One round more than the longest chain of causes; without progress the sweep stops earlier."""

READ_AGAIN = 20
"""A tag index of at most this many pages is read again for every round, to see new resources."""

Asks = Mapping[str, SweepRequest]


def make_plan(
    services: Sequence[ManagedService],
    asks: Asks,
    *,
    unfinished_only: bool = False,
    beside: OtherPlaces = NOTHING,
) -> Plan:
    """The plan that a sweep would execute now. Reads only."""
    return _look(services, asks, unfinished_only, beside)[1]


def _look(
    services: Sequence[ManagedService], asks: Asks, unfinished_only: bool, beside: OtherPlaces
) -> tuple[Snapshot, Plan]:
    world = observe(services, unfinished_only=unfinished_only, beside=beside)
    return _plan(
        world,
        services,
        full_asks(world.readings, services, asks, unfinished_only=unfinished_only),
        beside,
    )


@dataclass
class _Scanner:
    """The scans of one sweep. Only full sweeps read the tag index."""

    services: Sequence[ManagedService]
    asks: Asks
    unfinished_only: bool
    beside: OtherPlaces
    index: Index | None = None

    def look(self) -> tuple[Snapshot, Plan]:
        if self.unfinished_only:
            return _look(self.services, self.asks, self.unfinished_only, self.beside)
        if self.index is None or self.index.calls <= READ_AGAIN:
            self.index = read_index(self.services, self.beside)
        world = glance(self.services, self.index, self._asks_of, self.beside)
        return _plan(world, self.services, self._asks_of(world.readings), self.beside)

    def _asks_of(self, readings: Mapping[str, Reading]) -> Mapping[str, SweepRequest]:
        return full_asks(readings, self.services, self.asks, unfinished_only=False)


def sweep(
    services: Sequence[ManagedService],
    asks: Asks,
    on_outcome: OnOutcome = lambda _: None,
    *,
    unfinished_only: bool = False,
    approve: Callable[[Plan], None] = lambda _: None,
    beside: OtherPlaces = NOTHING,
) -> SweepResult:
    """Drive the services to their desired state, and report what is left.

    `approve` receives every round's plan before it is executed, and refuses it by raising.
    """
    tally = Tally()
    eyes = _Scanner(services, asks, unfinished_only, beside)
    world, first = eyes.look()
    current = first
    for _ in range(ROUNDS):
        if current.empty:
            break
        approve(current)
        before = tally.progress
        for one in services:
            execution = Executor(one, world.readings.get(one.name), tally, on_outcome)
            execution.run(_of(current, one.name))
        if not tally.trouble and is_settled(current, tally.gone):
            current = without(current)
            break
        world, current = eyes.look()
        tally.recall(world)
        if tally.progress == before:
            break
    return tally.result(first, current)


def _of(whole: Plan, service: str) -> ServicePlan:
    return next(one for one in whole.services if one.service == service)


def _plan(
    world: Snapshot, services: Sequence[ManagedService], asks: Asks, beside: OtherPlaces
) -> tuple[Snapshot, Plan]:
    """The plan. A resource of a known but not selected service is not a foreign resource."""
    world = with_names(world, services, asks)
    whole = plan(world.inventory, world.roots, asks)
    strangers = (one for one in whole.strangers if service_of(one.resource) not in beside.known)
    return world, replace(whole, strangers=tuple(strangers))
