"""Decides whether a sweep must read again after its work. Pure.

A read after the work finds what the first read missed: resources of a release that has just died
may be listed late (aws.md §1), and a repair may change what else has to be done. If neither is
possible, another read would only repeat what every deletion has already verified, and would cost
the whole index: then the remaining work is computed from the plan.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from reconciler.gc.ownership import LATE
from reconciler.model.resource import Resource
from reconciler.plan.service_plan import Plan, ServicePlan
from reconciler.sweep.absence import LISTED_AFTER

SETTLED = LATE + LISTED_AFTER
"""All resources of a deploy of this age are created, and are in every listing."""

Key = tuple[str, str, str]


def is_settled(plan: Plan, gone: Collection[Key]) -> bool:
    """Whether an executed plan leaves no work except what it did not name."""
    return all(_is_done(one, gone) for one in plan.services)


def _is_done(service_plan: ServicePlan, gone: Collection[Key]) -> bool:
    if service_plan.end or service_plan.repairs or service_plan.readdress or service_plan.forget:
        return False
    deletes = [one.resource for one in service_plan.deletes]
    return all(one.key in gone and _is_old(one, service_plan.root.now) for one in deletes)


def _is_old(resource: Resource, now: datetime) -> bool:
    return resource.deploy is not None and now - resource.deploy.born >= SETTLED


def without(plan: Plan) -> Plan:
    """The plan without its deletions, all of which are gone."""
    kept = tuple(
        replace(one, verdicts=tuple(each for each in one.verdicts if not each.collect))
        for one in plan.services
    )
    gone = {one.resource.key for service_plan in plan.services for one in service_plan.deletes}
    seen = tuple(one for one in plan.inventory.resources if one.key not in gone)
    return replace(plan, services=kept, inventory=replace(plan.inventory, resources=seen))
