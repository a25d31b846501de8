"""Execution of one scope of a run: the second of the two maps.

The first map read every inventory, then the ledgers of each zone were read once. What those show
decides which services of the scope have anything to do; a clean one costs no further ledger read.
Those that have are swept as ever, resources first and ledgers last, so nothing that is done rests
on the frozen ledgers, however old they are: every deletion and every reversible act is decided from
a fresh reading. The frozen plan only limits what may be deleted, so that the breaker counts by run,
however often a worker dies and begins again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from reconciler.errors import CloudError, Refused, ToolError
from reconciler.model.ledger import Ledger
from reconciler.model.reading import LedgerAddress, Listing, Reading, Readings
from reconciler.plan import plan_file
from reconciler.plan.approved_actions import ApprovedActions
from reconciler.plan.plan_file import PlanFile
from reconciler.plan.service_plan import Plan, ServicePlan, SweepRequest
from reconciler.ports.fleet import Fleet
from reconciler.ports.ledger_store import LedgerStore
from reconciler.ports.service import OnOutcome
from reconciler.sweep.indexed_scan import Index, indexed_scan
from reconciler.sweep.result import SweepResult, Tally
from reconciler.sweep.runner import planned, sweep
from reconciler.sweep.scopes.collation import MAX_AGE
from reconciler.sweep.scopes.frozen_ledgers import FrozenLedgers
from reconciler.sweep.scopes.inventory_file import ScopeInventory
from reconciler.util.humanize import rough

Agree = Callable[[PlanFile], PlanFile]
"""Writes down what may be deleted; returns what the first try of this run wrote down."""


@dataclass(frozen=True)
class _Frozen:
    """A ledger store for planning alone: ledgers as they were read, names as they are now."""

    ledgers: FrozenLedgers
    store: LedgerStore

    def readings(self, addresses: Sequence[LedgerAddress]) -> Readings:
        known = dict(self.ledgers.answers.values())
        unread = CloudError("its address has changed since the ledgers of this run were read")
        return Readings({one: known.get(one, unread) for one in addresses})

    def names(self, address: LedgerAddress) -> Listing:
        return self.store.names(address)

    def read(self, address: LedgerAddress) -> Reading:
        raise _only_planned(address)

    def raw(self, address: LedgerAddress) -> Reading:
        raise _only_planned(address)

    def swap(self, seen: Reading, new: Ledger, point_at: tuple[str, ...] | None = None) -> Reading:
        del new, point_at
        raise _only_planned(seen.address)

    def neighbours(self, address: LedgerAddress) -> Mapping[str, str]:
        raise _only_planned(address)

    def elsewhere(self, address: LedgerAddress) -> Mapping[str, tuple[str, ...]]:
        raise _only_planned(address)

    def kept_where(self, address: LedgerAddress) -> str:
        return self.store.kept_where(address)


def _only_planned(address: LedgerAddress) -> ToolError:
    return ToolError(
        f"{address.name} is a copy of the ledger, read for the plan: it cannot be written"
    )


def refuse_old(inventory: ScopeInventory, now: datetime) -> None:
    """Raises Refused for the inventory of an older day: its result would count as today's."""
    age = now - inventory.began
    if age > MAX_AGE:
        place = inventory.index.place
        raise Refused(
            f"{place}: its inventory is of another run: it was read {rough(age)} ago",
            cure=f"To sweep it   reconciler sweep --scope {place}",
        )


def foresee(fleet: Fleet, inventory: ScopeInventory, frozen: FrozenLedgers) -> Plan:
    """The plan by the inventory and the ledgers of the run. Describes what it needs; changes none.

    It decides nothing but which services are swept: of what it shows, all is read again.
    """
    services = tuple(replace(one, ledgers=_Frozen(frozen, one.ledgers)) for one in fleet.services)
    age = max((datetime.now(UTC) - inventory.began).total_seconds(), 0.0)
    index = Index(time.monotonic() - age, (inventory.index,))
    seen = replace(fleet, services=services)
    world, plan = planned(seen, indexed_scan(seen, index))
    reads = (*plan.inventory.reads, *frozen.rows)
    return replace(plan, inventory=replace(world.inventory, reads=reads))


def execute(
    fleet: Fleet,
    plan: Plan,
    agree: Agree,
    on_outcome: OnOutcome = lambda _: None,
    *,
    approve: Callable[[Plan], None] = lambda _: None,
) -> SweepResult:
    """Sweep the services that have something to do by `plan`; delete nothing that is not in it.

    `approve` refuses by raising, before the plan is agreed to and again before every round.
    """
    busy = {one.service for one in plan.services if _has_work(one)}
    if not busy:
        return Tally().result(plan, plan)
    approve(plan)
    agreed = agree(plan_file.of(plan, datetime.now(UTC), unfinished_only=False))
    services = tuple(one for one in fleet.services if one.name in busy)
    requests = {
        one.name: SweepRequest(
            one.retention, deletable=agreed.order(one.name) or ApprovedActions(one.home)
        )
        for one in services
    }
    idle = {one.name for one in fleet.services} - busy
    others = replace(fleet.other_places, heaps=(), gaps=(), roots=())
    others = replace(others, known=others.known | idle)
    fresh = replace(fleet, services=services, requests=requests, other_places=others)
    return _joined(plan, sweep(fresh, on_outcome, approve=approve), busy)


def _has_work(plan: ServicePlan) -> bool:
    """Whether the service is swept. An unknown one is not: the next run reads it again.

    A contradiction may come from the age of the ledgers, so it is looked at again.
    """
    return not plan.problem and bool(not plan.empty or plan.notes or plan.witnesses)


def _joined(plan: Plan, done: SweepResult, busy: set[str]) -> SweepResult:
    """The result with the services that had nothing to do, and with what the maps have read."""
    rest = tuple(one for one in plan.services if one.service not in busy)
    left, seen = done.left, plan.inventory
    inventory = replace(
        left.inventory,
        reads=(*seen.reads, *left.inventory.reads),
        gaps=tuple(dict.fromkeys((*seen.gaps, *left.inventory.gaps))),
    )
    every = tuple(sorted((*rest, *left.services), key=lambda one: one.service))
    whole = Plan(every, plan.strangers, inventory)
    return replace(done, first=plan, left=whole)
