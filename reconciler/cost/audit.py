"""The cost audit: every deploy of every service, its resources and their cost. Pure.

Computed from a plan, so that a deploy's state here is exactly what the next sweep acts on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from reconciler.cost import estimate
from reconciler.cost.estimate import Costs, Sum
from reconciler.cost.foreign import ForeignResources, known_now, strangers
from reconciler.cost.price_list import Prices
from reconciler.cost.shares import DatabaseShare
from reconciler.gc.retention import went_live
from reconciler.gc.verdict import KEPT, Reason, Role, Verdict
from reconciler.model import tags as t
from reconciler.model.coverage import Read
from reconciler.model.deploy_id import DeployId
from reconciler.model.journal.entry import Entry
from reconciler.model.journal.live_periods import live_periods
from reconciler.model.journal.savings import Savings, unrooted_since
from reconciler.model.ledger import Ledger
from reconciler.model.resource import INSTANCE, Inventory, Resource
from reconciler.plan.service_plan import STRANGE, Plan, ServicePlan
from reconciler.plan.standby import state_of

GARBAGE = "garbage"
ATTACHED = "attached"
"""A volume without tags, on a machine that is garbage."""
ROLLBACK = (Role.PREVIOUS.value, "rejected")

_STATES = {
    Reason.UNROOTED: GARBAGE,
    Role.LEASE: "releasing",
    Reason.WITNESSED: "in DNS",
    Reason.UNKNOWN: "unknown",
}


NO_VOLUMES = Inventory()


@dataclass(frozen=True)
class CostItem:
    """One resource: its verdict, the state of its deploy, and its cost."""

    verdict: Verdict
    state: str
    cost: Sum


@dataclass(frozen=True)
class AuditRow:
    """One deploy in one state. A deploy that is partly held has two rows."""

    service: str
    deploy: DeployId
    release: str
    state: str
    items: tuple[CostItem, ...]
    went_live: datetime | None = None

    @property
    def since(self) -> datetime:
        """Since when it is what it is: live since it went live, where that is known."""
        return self.went_live or self.deploy.born

    @cached_property
    def cost(self) -> Sum:
        """The cost of all its resources."""
        return estimate.add(item.cost for item in self.items)

    @property
    def machines(self) -> Mapping[str, int]:
        """The number of machines by state."""
        resources = [item.verdict.resource for item in self.items]
        return Counter(state_of(resource) for resource in resources if resource.kind == INSTANCE)

    @property
    def other(self) -> Mapping[str, int]:
        """The number of other resources by kind."""
        resources = [item.verdict.resource for item in self.items]
        return Counter(resource.kind for resource in resources if resource.kind != INSTANCE)


@dataclass(frozen=True)
class Report:
    """Rows by service and age (newest first), orphans and foreign resources apart; sums add up.

    `orphans` and `let_go`, the adopted machines of no release any more, are also in `rows`;
    `foreign` resources are not, and only in a sum of their own. `saved`: by sweeps, as told by
    journals; `entries`: the journals'. What was spent counts since birth, or for `back`. `shares`
    of databases in their servers' prices are in no sum.
    """

    now: datetime | None
    prices: Prices
    rows: tuple[AuditRow, ...]
    orphans: tuple[CostItem, ...]
    let_go: tuple[CostItem, ...] = ()
    foreign: tuple[CostItem, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()
    strangers: tuple[ForeignResources, ...] = ()
    reads: tuple[Read, ...] = ()
    saved: Savings | None = None
    back: timedelta | None = None
    entries: tuple[Entry, ...] = ()
    shares: tuple[DatabaseShare, ...] = ()

    @cached_property
    def garbage_since(self) -> Mapping[str, datetime]:
        """When each deploy lost its root, as far as a journal tells it."""
        return unrooted_since(self.entries)

    @property
    def spent_as_garbage(self) -> Sum:
        """What garbage has cost since it lost its root, where a journal says when that was."""
        resources = [item.verdict.resource for item in self.waste]
        return estimate.add(
            estimate.of(resource, self.now, self.prices, since)
            for resource in resources
            if (since := self.garbage_since.get(str(resource.deploy))) is not None
        )

    @cached_property
    def kept_for_rollback(self) -> Sum:
        """The cost of previous releases."""
        return estimate.add(row.cost for row in self.rows if row.state in ROLLBACK)

    @cached_property
    def total(self) -> Sum:
        """The sum of all rows."""
        return estimate.add(row.cost for row in self.rows)

    @cached_property
    def services(self) -> Mapping[str, Sum]:
        """The sum of every service that has resources."""
        return _sums((row.service, row.cost) for row in self.rows)

    @cached_property
    def states(self) -> Mapping[str, Sum]:
        """The sums by state: live, previous, …, garbage."""
        return _sums((row.state, row.cost) for row in self.rows)

    @cached_property
    def waste(self) -> tuple[CostItem, ...]:
        """The garbage among the orphans."""
        return tuple(item for item in self.orphans if item.verdict.collect)

    @cached_property
    def wasted(self) -> Sum:
        """The cost of the garbage."""
        return estimate.add(item.cost for item in self.waste)

    @property
    def wasted_since(self) -> datetime | None:
        """The birth time of the oldest garbage's deploy."""
        deploys = (item.verdict.resource.deploy for item in self.waste)
        return min((deploy.born for deploy in deploys if deploy is not None), default=None)

    @cached_property
    def shared(self) -> Sum:
        """What all databases together take of their servers' prices; in no other sum."""
        return estimate.add(share.cost for share in self.shares)

    @cached_property
    def not_ours(self) -> Sum:
        """The cost of the foreign resources and look-alikes."""
        return estimate.add(item.cost for item in self.foreign)


def _sums(parts: Iterable[tuple[str, Sum]]) -> Mapping[str, Sum]:
    """The sums by name."""
    found: dict[str, list[Sum]] = {}
    for name, cost in parts:
        found.setdefault(name, []).append(cost)
    return {name: estimate.add(every) for name, every in found.items()}


def _with_volumes(
    items: Sequence[CostItem], volumes: Iterable[Resource], costs: Costs, now: datetime | None
) -> list[CostItem]:
    """Each machine, followed by its volumes without tags; they count as its deploy's."""
    by_id = {volume.id: volume for volume in volumes}
    found: list[CostItem] = []
    for item in items:
        found.append(item)
        machine = item.verdict.resource
        for used in machine.uses if machine.kind == INSTANCE else ():
            if used in by_id and _is_of(machine, by_id[used]):
                volume = replace(by_id.pop(used), tags=machine.tags)
                found.append(_attached(item, volume, costs.of(volume, now)))
    return found


def _is_of(machine: Resource, volume: Resource) -> bool:
    """Whether it has no deploy-id but the machine's: another's is in another sum."""
    return volume.tags.get(t.ID, "") in ("", machine.tags.get(t.ID, ""))


def _attached(machine: CostItem, volume: Resource, cost: Sum) -> CostItem:
    """A volume without tags: kept as its machine is, and no garbage, for no sweep deletes it."""
    text = f"a volume of {machine.verdict.resource.id} without tags: no sweep deletes it"
    verdict = replace(machine.verdict, resource=volume, text=text)
    if verdict.collect:
        return CostItem(replace(verdict, reason=Reason.FOREIGN), ATTACHED, cost)
    return CostItem(verdict, machine.state, cost)


def report(
    plan: Plan,
    prices: Prices,
    back: timedelta | None = None,
    volumes: Inventory = NO_VOLUMES,
    entries: tuple[Entry, ...] = (),
) -> Report:
    """The audit of the resources in a plan; what was spent counts since birth, or so far back.

    `volumes`: those without tags (`reconciler.sweep.attached_volumes`); `entries`: the journals'.
    """
    now = known_now(plan)
    ledgers = [service.root.ledger for service in plan.services]
    costs = Costs(prices, back, live_periods(ledgers, entries))
    items = [
        _item(verdict, service_plan, now, costs)
        for service_plan in plan.services
        for verdict in service_plan.verdicts
    ]
    ours = [item for item in items if item.verdict.reason not in STRANGE]
    ours = _with_volumes(ours, volumes.resources, costs, now)
    others = [_item(verdict, None, now, costs) for verdict in plan.strangers]
    gaps = (*plan.inventory.gaps, *volumes.gaps)
    return Report(
        now=now,
        prices=prices,
        back=back,
        rows=tuple(_rows(ours, ledgers)),
        orphans=tuple(item for item in items if _is_orphan(item.verdict)),
        let_go=tuple(item for item in items if item.verdict.let_go),
        foreign=(*(item for item in items if item.verdict.reason in STRANGE), *others),
        unknown=plan.problems,
        gaps=tuple(f"{gap.kind}s of {gap.place}: {gap.reason}" for gap in gaps),
        strangers=strangers(plan, prices),
        reads=plan.inventory.reads,
        entries=entries,
    )


def _item(
    verdict: Verdict, service_plan: ServicePlan | None, now: datetime | None, costs: Costs
) -> CostItem:
    return CostItem(verdict, _state(service_plan, verdict), costs.of(verdict.resource, now))


def _rows(items: Sequence[CostItem], ledgers: Iterable[Ledger]) -> list[AuditRow]:
    live = {
        ledger.live.id: went_live(ledger.live.id, ledger.previous)
        for ledger in ledgers
        if ledger.live
    }
    groups: dict[tuple[DeployId, str], list[CostItem]] = {}
    for item in items:
        deploy = item.verdict.deploy
        if deploy is not None:
            groups.setdefault((deploy, item.state), []).append(item)
    keys = sorted(groups, key=lambda key: (key[0].service, -key[0].born.timestamp(), str(key)))
    rows = [_row(deploy, state, groups[deploy, state]) for deploy, state in keys]
    return [replace(row, went_live=live.get(row.deploy)) for row in rows]


def _row(deploy: DeployId, state: str, items: Sequence[CostItem]) -> AuditRow:
    releases = (item.verdict.resource.tags.get(t.RELEASE) for item in items)
    release = next(filter(None, releases), "")
    return AuditRow(deploy.service, deploy, release, state, tuple(items))


def _state(service_plan: ServicePlan | None, verdict: Verdict) -> str:
    deploy = verdict.deploy
    previous = service_plan.root.ledger.find_previous(deploy) if service_plan and deploy else None
    if verdict.reason is Role.PREVIOUS and previous is not None and previous.rejected:
        return "rejected"
    return _STATES.get(verdict.reason, verdict.reason.value)


def _is_orphan(verdict: Verdict) -> bool:
    """Whether the ledger does not name it: garbage, or kept only by a hold, a doubt or a use."""
    return verdict.collect or (verdict.reason in KEPT - STRANGE and not verdict.let_go)
