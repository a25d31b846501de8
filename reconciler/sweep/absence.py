"""Decides when a resource counts as gone, and when a sweep has seen enough. Pure.

EC2's listings lag: "InvalidInstanceID.NotFound does not mean that the instance does not exist", not
even after it was terminated (aws.md §1). So a listing without a young resource proves nothing, and
the clean-up of a failed release deletes young resources. A resource counts as gone if

- EC2 itself lists it as terminated, deregistered or deleted;
- AWS accepted its deletion, and no longer lists it (an instance stays listed for an hour, so it has
  to be seen terminated);
- it was in use only by resources that count as gone, and was deleted with them;
- it is old enough to be in every listing, and is not listed;
- otherwise, if every read for `AGREED` seconds did not show it.

A database is listed by its own server, which does not lag. The clock is passed in.

A read after the work finds what the first read missed: resources of a release that has just died
may be listed late (aws.md §1), and a repair may change what else has to be done. If neither is
possible, another read would only repeat what every deletion has already verified, and would cost
the whole index: then the remaining work is computed from the plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reconciler.gc.ownership import LATE
from reconciler.model.resource import DATABASE, INSTANCE, Inventory, Resource
from reconciler.plan.service_plan import Plan, ServicePlan

STATES = frozenset({"terminated", "deregistered", "deleted"})
"""States of resources that AWS still lists for a while but that no longer exist."""

DYING = frozenset({"shutting-down", "deleting"})
"""States of resources that are being deleted."""

LISTED_AFTER = timedelta(minutes=5)
"""Older resources are in every listing. AWS: "a couple of seconds up to a few minutes"."""

AGREED = 10.0
"""Seconds for which no read may have shown a younger resource."""


@dataclass
class AbsenceTracker:
    """What a clean-up knows to be gone. `now` is the ledger's time, `clock` counts seconds."""

    now: datetime
    known: set[str] = field(default_factory=set)
    _agreed: set[str] = field(default_factory=set)
    _missing: dict[str, float] = field(default_factory=dict)

    def agreed(self, resources: Iterable[Resource]) -> None:
        """Record that AWS accepted the deletion of these resources."""
        self._agreed.update(resource.id for resource in resources)

    def update(self, asked: Iterable[Resource], seen: Inventory, clock: float) -> list[Resource]:
        """Return the resources of `asked` that are not gone, after a read that showed `seen`."""
        shown = {resource.id: resource for resource in seen.resources}
        unread = {gap.kind for gap in seen.gaps}
        left = []
        for one in sorted(asked, key=lambda each: each.kind != INSTANCE):
            there = shown.get(one.id)
            if there is not None and there.state not in STATES:
                self._missing.pop(one.id, None)
                self.known.discard(one.id)
            elif there is not None or (one.kind not in unread and self._believed(one, clock)):
                self.known.add(one.id)
            if one.id not in self.known:
                left.append(one)
        return left

    def is_under_way(self, left: Iterable[Resource], seen: Inventory) -> bool:
        """Whether waiting helps. If AWS did not find a resource but lists it, request it again."""
        stay = {resource.id for resource in seen.resources if resource.state not in DYING}
        return any(one.id in self._agreed or one.id not in stay for one in left)

    def _believed(self, one: Resource, clock: float) -> bool:
        """Whether the resource, which the last read did not show, counts as gone."""
        since = self._missing.setdefault(one.id, clock)
        if one.id in self.known or one.kind == DATABASE or clock - since >= AGREED:
            return True
        if one.id in self._agreed and one.kind != INSTANCE:
            return True
        if one.used_by and self.known.issuperset(one.used_by):
            return True
        return one.deploy is not None and self.now - one.deploy.born >= LISTED_AFTER


@dataclass
class Sightings:
    """Whether a resource whose id its create call returned is gone, read by read.

    A resource that was never seen may not be listed yet, however often it is missing.
    """

    seen: bool = False
    _missing: float | None = None

    def update(self, state: str | None, clock: float) -> bool:
        """Whether it is gone, after a read that showed it in this state (None: not shown)."""
        if state is not None:
            self.seen, self._missing = True, None
            return state in STATES
        if not self.seen:
            return False
        if self._missing is None:
            self._missing = clock
        return clock - self._missing >= AGREED


# Whether a sweep must read again after its work.

SETTLED = LATE + LISTED_AFTER
"""All resources of a deploy of this age are created, and are in every listing."""

Key = tuple[str, str, str]


def is_settled(plan: Plan, gone: Collection[Key]) -> bool:
    """Whether an executed plan leaves no work except what it did not name."""
    return all(_is_done(service, gone) for service in plan.services)


def _is_done(service_plan: ServicePlan, gone: Collection[Key]) -> bool:
    if service_plan.end or service_plan.repairs or service_plan.readdress or service_plan.forget:
        return False
    if service_plan.rests or not service_plan.traffic.empty:
        return False
    deletes = [verdict.resource for verdict in service_plan.deletes]
    return all(
        resource.key in gone and _is_old(resource, service_plan.root.now) for resource in deletes
    )


def _is_old(resource: Resource, now: datetime) -> bool:
    return resource.deploy is not None and now - resource.deploy.born >= SETTLED


def repaired(plan: Plan) -> Plan:
    """The plan without its repairs, all of which have succeeded."""
    return replace(plan, services=tuple(replace(one, repairs=()) for one in plan.services))


def without(plan: Plan) -> Plan:
    """The plan without its deletions, all of which are gone."""
    kept = tuple(
        replace(service, verdicts=tuple(each for each in service.verdicts if not each.collect))
        for service in plan.services
    )
    gone = {
        verdict.resource.key for service_plan in plan.services for verdict in service_plan.deletes
    }
    seen = tuple(resource for resource in plan.inventory.resources if resource.key not in gone)
    return replace(plan, services=kept, inventory=replace(plan.inventory, resources=seen))
