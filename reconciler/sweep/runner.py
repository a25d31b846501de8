"""The sweep: read, plan, execute, in rounds while there is progress.

There is one clean-up mechanism. A failed deploy cleans up by a sweep of its own id, the scheduled
sweep cleans up a dead deploy, and no step has an undo of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from reconciler.model.resource import service_of
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import Plan, ServicePlan
from reconciler.ports.fleet import Fleet
from reconciler.ports.service import OnOutcome
from reconciler.sweep.absence import is_settled, repaired, without
from reconciler.sweep.executor import Executor
from reconciler.sweep.indexed_scan import Index, indexed_scan, read_index
from reconciler.sweep.name_listing import with_names
from reconciler.sweep.result import SweepResult, Tally
from reconciler.sweep.snapshot import Snapshot, observe

ROUNDS = 6
"""One round more than the longest chain of causes; without progress the sweep stops earlier."""

READ_AGAIN = 20
"""A tag index of at most this many pages is read again for every round, to see new resources."""


def make_plan(fleet: Fleet) -> Plan:
    """The plan that a sweep would execute now. Reads only."""
    return _look(fleet)[1]


def _look(fleet: Fleet) -> tuple[Snapshot, Plan]:
    return _plan(fleet, observe(fleet))


@dataclass
class _IndexedScanner:
    """The scans of one full sweep: only it reads the tag index."""

    fleet: Fleet
    index: Index | None = None

    def look(self) -> tuple[Snapshot, Plan]:
        if self.index is None or self.index.calls <= READ_AGAIN:
            self.index = read_index(self.fleet)
        return _plan(self.fleet, indexed_scan(self.fleet, self.index))


def sweep(
    fleet: Fleet,
    on_outcome: OnOutcome = lambda _: None,
    *,
    approve: Callable[[Plan], None] = lambda _: None,
    follow_up: bool = False,
) -> SweepResult:
    """Drive the services to their desired state, and report what is left.

    `approve` receives every round's plan before it is executed, and refuses it by raising. After a
    commit (`follow_up`), where everything obeyed at once, what may have become due meanwhile is
    left to the next sweep.
    """
    tally = Tally()
    look = partial(_look, fleet) if fleet.unfinished_only else _IndexedScanner(fleet).look
    world, first = look()
    current = first
    for _ in range(ROUNDS):
        if current.empty:
            break
        approve(current)
        before = tally.progress
        for service in fleet.services:
            execution = Executor(service, world.readings.get(service.name), tally, on_outcome)
            execution.run(_of(current, service.name))
        left = repaired(current) if follow_up and tally.obeyed else current
        if not tally.trouble and is_settled(left, tally.gone):
            current = without(left)
            break
        world, current = look()
        tally.recall(world)
        if tally.progress == before:
            break
    return tally.result(first, current)


def _of(whole: Plan, service: str) -> ServicePlan:
    return next(one for one in whole.services if one.service == service)


def _plan(fleet: Fleet, world: Snapshot) -> tuple[Snapshot, Plan]:
    """The plan. A resource of a known but not selected service is not a foreign resource."""
    requests = fleet.full_requests(world.readings)
    world = with_names(world, fleet.services, requests)
    whole = plan(world.inventory, world.roots, requests)
    known = fleet.other_places.known
    strangers = (
        verdict for verdict in whole.strangers if service_of(verdict.resource) not in known
    )
    return world, replace(whole, strangers=tuple(strangers))
