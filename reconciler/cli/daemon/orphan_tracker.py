"""Tracks resources that the ledger does not name, from one sweep to the next. Pure.

An unfinished-only sweep does not list everything, and what it does not list is not gone: such a
resource is kept as last seen. So are the resources of a service that has become unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.gc.verdict import CONDEMNED, KEPT, Verdict
from reconciler.model.outcome import OutcomeStatus
from reconciler.model.resource import Resource
from reconciler.plan.service_plan import Plan
from reconciler.sweep.result import SweepResult

GARBAGE = "garbage"
BLOCKED = "blocked"

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Orphan:
    """A resource that the ledger does not name, and why it still exists.

    `cause` is `garbage` (the next sweep removes it), `blocked` (a sweep tried and failed), or the
    reason for which it is kept.
    """

    resource: Resource
    cause: str

    @property
    def service(self) -> str:
        """The service that its tags name; '' if they name none."""
        return self.resource.deploy.service if self.resource.deploy else ""

    @property
    def waste(self) -> bool:
        """Whether it is garbage, removable or not; all others are kept for a reason."""
        return self.cause in (GARBAGE, BLOCKED)


def orphaned(plan: Plan) -> list[Verdict]:
    """The verdicts on resources that the ledger does not name, of the known services."""
    return [
        verdict
        for service_plan in plan.services
        for verdict in service_plan.verdicts
        if verdict.collect or verdict.reason in KEPT
    ]


@dataclass(frozen=True)
class Orphans:
    """All known orphans, by key."""

    known: Mapping[Key, Orphan] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Orphan]:
        return iter(self.known.values())

    def after(self, result: SweepResult, *, full: bool) -> Orphans:
        """The known orphans after a sweep."""
        tried = {
            outcome.resource.key
            for outcome in result.outcomes
            if outcome.status is not OutcomeStatus.GONE
        }
        seen = {one.resource.key: _orphan(one, tried) for one in orphaned(result.left)}
        gone = {one.resource.key for one in result.gone}
        unknown = {service_plan.service for service_plan in result.left.unknown}
        old = {
            key: one
            for key, one in self.known.items()
            if key not in gone
            and (one.service in unknown or not (full or one.resource.label in CONDEMNED))
        }
        return Orphans(old | seen)


def _orphan(verdict: Verdict, tried: set[Key]) -> Orphan:
    if not verdict.collect:
        return Orphan(verdict.resource, verdict.reason.value)
    return Orphan(verdict.resource, BLOCKED if verdict.resource.key in tried else GARBAGE)
