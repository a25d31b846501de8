"""Resources with our tags that are not ours: of unconfigured services, of other ledgers. Pure.

A service's file may be missing by mistake, and another team may use the same tags. Both are
reported with their cost, separately from our resources, and are never changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.cost import estimate
from reconciler.cost.estimate import Sum
from reconciler.cost.price_list import Prices
from reconciler.gc.verdict import Reason, Verdict
from reconciler.model import tags as t
from reconciler.model.resource import Resource, service_of
from reconciler.plan.service_plan import Plan


@dataclass(frozen=True)
class ForeignResources:
    """Resources of one service (by their tags) and one ledger, and why they are not ours."""

    service: str
    ledger: str
    why: str
    kinds: Mapping[str, int]
    places: tuple[str, ...]
    cost: Sum


def strangers(plan: Plan, prices: Prices) -> tuple[ForeignResources, ...]:
    """All foreign resources, by service and ledger."""
    groups: dict[tuple[str, str, str], list[Resource]] = {}
    for verdict in _foreign(plan):
        key = (service_of(verdict.resource), verdict.resource.tags.get(t.LEDGER, ""), verdict.text)
        groups.setdefault(key, []).append(verdict.resource)
    now = known_now(plan)
    return tuple(_group(key, groups[key], now, prices) for key in sorted(groups))


def known_now(plan: Plan) -> datetime | None:
    """The latest time in a ledger's answer; None if no ledger could be read."""
    known = (service_plan.root for service_plan in plan.services if not service_plan.problem)
    return max((root.now for root in known), default=None)


def _foreign(plan: Plan) -> list[Verdict]:
    inside = (verdict for verdict in plan.verdicts if verdict.reason is Reason.FOREIGN)
    return [*plan.strangers, *inside]


def _group(
    key: tuple[str, str, str], resources: list[Resource], now: datetime | None, prices: Prices
) -> ForeignResources:
    service, ledger, why = key
    places = tuple(sorted({str(resource.place) for resource in resources}))
    cost = estimate.add(estimate.of(resource, now, prices) for resource in resources)
    return ForeignResources(
        service, ledger, why, Counter(resource.kind for resource in resources), places, cost
    )
