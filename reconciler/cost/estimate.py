"""What resources cost, as sums of exact decimals that are rounded only where they are shown. Pure.

Every view adds up `Sum`s, so every view has the same figures. A month is 30 days, 720 h.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from reconciler.cost import shipped
from reconciler.cost.price_list import Prices
from reconciler.cost.rates import MONTH, rate
from reconciler.cost.spent import MONTH_SECONDS, Window, spent
from reconciler.model import resource as kinds
from reconciler.model.journal.live_periods import LivePeriod
from reconciler.model.resource import Resource

__all__ = [
    "MONTH",
    "Costs",
    "Sum",
    "add",
    "as_number",
    "as_of",
    "hourly",
    "is_bound",
    "monthly_of",
    "of",
    "price",
    "so_far",
]

_ZERO = Decimal(0)
_EXACT = Decimal("1e-9")
"""Finer than any price times any quantity, coarser than a number's last digit."""


def as_of(prices: Prices) -> str:
    """The date of the prices: `2025-03`, or `2026-11-23, else 2025-03` with fetched ones."""
    return f"{prices.as_of}, else {shipped.as_of()}" if prices.as_of else shipped.as_of()


@dataclass(frozen=True)
class Sum:
    """Dollars a month, and what was spent. Lower bounds where something is not known.

    `dollar_seconds` is what was spent, in dollars a month times seconds: this is exact, and one
    division at the end makes dollars of it. `unknown` resources have a price that is not known as
    a whole, `ageless` ones a cost so far that is not.
    """

    monthly: Decimal = _ZERO
    dollar_seconds: Decimal = _ZERO
    resources: int = 0
    unknown: int = 0
    ageless: int = 0

    @property
    def hourly(self) -> Decimal:
        """Dollars an hour."""
        return self.monthly / MONTH

    @property
    def so_far(self) -> Decimal:
        """Dollars since birth."""
        return self.dollar_seconds / MONTH_SECONDS

    @property
    def is_unknown(self) -> bool:
        """Whether no price is known."""
        return bool(self.resources) and self.unknown == self.resources and not self.monthly

    @property
    def is_ageless(self) -> bool:
        """Whether no cost so far is known."""
        return bool(self.resources) and self.ageless == self.resources and not self.dollar_seconds

    def plus(self, other: Sum) -> Sum:
        """The sum of both."""
        return Sum(
            self.monthly + other.monthly,
            self.dollar_seconds + other.dollar_seconds,
            self.resources + other.resources,
            self.unknown + other.unknown,
            self.ageless + other.ageless,
        )


def hourly(resource: Resource, prices: Prices) -> Decimal | None:
    """$/h of a resource in its present state; None if any part of its price is not known."""
    found = rate(resource, prices)
    return None if found.missing else found.hourly


def as_number(dollars: Decimal | None) -> float | None:
    """For JSON and events: the nearest number; None stays None."""
    return None if dollars is None else float(dollars)


def monthly_of(per_hour: float) -> Decimal:
    """Dollars a month of a number that JSON or an event has carried: the decimal that it was."""
    return (Decimal(str(per_hour)) * MONTH).quantize(_EXACT)


def price(resource: Resource, prices: Prices) -> str:
    """The price as text: `$0.0278/h`, `≤ $0.0006/h`, `unknown`; '' if it is not billed."""
    found = rate(resource, prices)
    if found.missing:
        least = f" (at least ${found.hourly:.4f}/h)" if found.monthly else ""
        return f"unknown{least}"
    if not found.monthly:
        return ""
    return f"{'≤ ' if is_bound(resource) else ''}${found.hourly:.4f}/h"


def is_bound(resource: Resource) -> bool:
    """Whether the price is only an upper bound: snapshots share unchanged blocks."""
    return resource.kind in (kinds.SNAPSHOT, kinds.RDS_SNAPSHOT)


def so_far(resource: Resource, now: datetime | None, prices: Prices) -> Decimal | None:
    """$ since birth at the current price; None if the price, the birth or the time is unknown."""
    found = spent(resource, Window(now), prices) if now else None
    return found.dollars if found and found.whole else None


def of(
    resource: Resource,
    now: datetime | None,
    prices: Prices,
    since: datetime | None = None,
    lived: Sequence[LivePeriod] = (),
) -> Sum:
    """One resource as a sum; if the time is unknown, without its cost so far (or since then)."""
    found = rate(resource, prices)
    known = spent(resource, Window(now, since), prices, lived) if now else None
    return Sum(
        found.monthly,
        known.dollar_seconds if known else _ZERO,
        1,
        int(bool(found.missing)),
        int(not known or not known.whole),
    )


def add(sums: Iterable[Sum]) -> Sum:
    """The sum of sums."""
    total = Sum()
    for each in sums:
        total = total.plus(each)
    return total


@dataclass(frozen=True)
class Costs:
    """What costs are counted with: the prices, and how far back; None: since birth.

    `lives`: when each deploy was live before.
    """

    prices: Prices
    back: timedelta | None = None
    lives: Mapping[str, tuple[LivePeriod, ...]] = field(default_factory=dict)

    def of(self, resource: Resource, now: datetime | None) -> Sum:
        """One resource as a sum."""
        since = now - self.back if now and self.back is not None else None
        lived = self.lives.get(str(resource.deploy), ())
        return of(resource, now, self.prices, since, lived)
