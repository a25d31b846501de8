"""The cost audit: every deploy of every service, what it holds and what it costs. Pure.

Made from a plan, so that a deploy's state here is exactly what the next sweep would act on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler import costs
from reconciler import tags as t
from reconciler.completeness import Read
from reconciler.costs import Sum
from reconciler.deploy_id import DeployId
from reconciler.plan import Plan, ServicePlan
from reconciler.resource import INSTANCE
from reconciler.strangers import Strangers, known_now, strangers
from reconciler.verdict import Reason, Verdict

GARBAGE = "garbage"

_STATES = {
    Reason.UNROOTED: GARBAGE,
    Reason.LEASE: "releasing",
    Reason.WITNESSED: "in DNS",
    Reason.UNKNOWN: "unknown",
}


@dataclass(frozen=True)
class Row:
    """One deploy in one state. A deploy of which part is held has two rows."""

    service: str
    deploy: DeployId
    release: str
    state: str
    machines: Mapping[str, int]
    other: Mapping[str, int]
    cost: Sum


@dataclass(frozen=True)
class Orphan:
    """One thing that the next sweep removes, or that is kept though nothing roots it."""

    verdict: Verdict
    cost: Sum


@dataclass(frozen=True)
class Report:
    """Rows by service and age (newest first), orphans and strangers apart, sums that add up."""

    now: datetime | None
    rows: tuple[Row, ...]
    orphans: tuple[Orphan, ...]
    unknown: Mapping[str, str] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()
    strangers: tuple[Strangers, ...] = ()
    reads: tuple[Read, ...] = ()

    @property
    def total(self) -> Sum:
        """All rows together."""
        return costs.add(one.cost for one in self.rows)

    @property
    def wasted(self) -> Sum:
        """The garbage alone."""
        return costs.add(one.cost for one in self.orphans if one.verdict.collect)


def report(plan: Plan) -> Report:
    """The audit of what a plan saw."""
    rows = [row for todo in plan.services for row in _rows(todo)]
    orphans = [one for todo in plan.services for one in _orphans(todo)]
    return Report(
        now=known_now(plan),
        rows=tuple(rows),
        orphans=tuple(orphans),
        unknown={one.service: one.problem for one in plan.services if one.problem},
        gaps=tuple(f"{one.kind}s of {one.place}: {one.reason}" for one in plan.inventory.gaps),
        strangers=strangers(plan),
        reads=plan.inventory.reads,
    )


def _rows(todo: ServicePlan) -> list[Row]:
    groups: dict[tuple[DeployId, str], list[Verdict]] = {}
    for one in todo.verdicts:
        if one.thing.deploy is not None and one.reason is not Reason.FOREIGN:
            groups.setdefault((one.thing.deploy, _state(todo, one)), []).append(one)
    ordered = sorted(groups, key=lambda key: (-key[0].born.timestamp(), str(key[0]), key[1]))
    return [_row(todo, deploy, state, groups[deploy, state]) for deploy, state in ordered]


def _state(todo: ServicePlan, verdict: Verdict) -> str:
    deploy = verdict.thing.deploy
    previous = todo.root.ledger.find_previous(deploy) if deploy else None
    if verdict.reason is Reason.PREVIOUS and previous is not None and previous.rejected:
        return "rejected"
    return _STATES.get(verdict.reason, verdict.reason.value)


def _row(todo: ServicePlan, deploy: DeployId, state: str, verdicts: list[Verdict]) -> Row:
    things = [one.thing for one in verdicts]
    machines = Counter(one.state for one in things if one.kind == INSTANCE)
    other = Counter(one.kind for one in things if one.kind != INSTANCE)
    release = next((one.tags[t.RELEASE] for one in things if one.tags.get(t.RELEASE)), "")
    cost = costs.add(costs.of(one, todo.root.now) for one in things)
    return Row(todo.service, deploy, release, state, machines, other, cost)


def _orphans(todo: ServicePlan) -> list[Orphan]:
    """What nothing roots: garbage, and what only a hold, a doubt or a use keeps."""
    kept = (Reason.HELD, Reason.LOST, Reason.IN_USE, Reason.YOUNG, Reason.LOOK_ALIKE)
    return [
        Orphan(one, costs.of(one.thing, todo.root.now))
        for one in todo.verdicts
        if one.collect or one.reason in kept
    ]
