"""What a resource has cost since its birth, at its present price, by AWS's rules of time. Pure.

An instance is billed by the second, for at least 60 s at each start, and not while it is stopped.
Everything else is billed from its creation on: a volume for at least 60 s, a database server for at
least 10 min. What happened before the latest start is in no description: what ledgers and journals
tell of it counts, and the figure is a lower bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from reconciler.cost import rates
from reconciler.cost.price_list import Prices
from reconciler.model.journal.live_periods import LivePeriod
from reconciler.model.resource import INSTANCE, RDS_INSTANCE, VOLUME, Resource

MONTH_SECONDS = rates.MONTH * 3600
_MINIMUM = timedelta(seconds=60)
_SERVER_MINIMUM = timedelta(minutes=10)
_SAME_START = timedelta(minutes=2)
"""A first launch and its first start differ by less than this."""


@dataclass(frozen=True)
class Spent:
    """Dollars a month times seconds, which is exact; and whether that is all of it."""

    dollar_seconds: Decimal
    whole: bool

    @property
    def dollars(self) -> Decimal:
        """Dollars, before they are rounded."""
        return self.dollar_seconds / MONTH_SECONDS


@dataclass(frozen=True)
class Window:
    """Until when costs are counted, and since when; None: since birth."""

    until: datetime
    since: datetime | None = None

    def seconds(self, begin: datetime, end: datetime, minimum: timedelta = timedelta(0)) -> int:
        """Billed whole seconds of a use within it; a clock behind the birth counts as none.

        The minimum is due at the beginning, so without `since` it counts at once.
        """
        if self.until <= begin:
            return 0
        end = max(min(end, self.until), begin + minimum)
        if self.since is not None:
            end, begin = min(end, self.until), max(begin, self.since)
        return max(end - begin, timedelta(0)) // timedelta(seconds=1)


def spent(
    resource: Resource, window: Window, prices: Prices, lived: Sequence[LivePeriod] = ()
) -> Spent | None:
    """What it cost in a window; None if its birth is not known.

    `lived`: when its deploy was live before. Its machines ran then, whatever they did since.
    """
    begin = _begin(resource)
    if begin is None:
        return None
    if resource.kind == INSTANCE:
        return _instance(resource, begin, window, prices, lived)
    if resource.kind == RDS_INSTANCE and resource.state not in rates.SERVER_OFF:
        return _server(resource, begin, window, prices)
    price = rates.rate(resource, prices)
    minimum = _MINIMUM if resource.kind == VOLUME else timedelta(0)
    seconds = window.seconds(begin, window.until, minimum)
    return Spent(price.monthly * seconds, not price.missing and resource.kind != RDS_INSTANCE)


def _begin(resource: Resource) -> datetime | None:
    """Since when it is billed: its creation, else the birth of its deploy.

    An instance's `created` is its latest start, so its first start comes before that.
    """
    terms = resource.billing
    born = resource.deploy.born if resource.deploy else None
    return terms.first_started or resource.created or born


def _instance(
    resource: Resource,
    begin: datetime,
    window: Window,
    prices: Prices,
    lived: Sequence[LivePeriod],
) -> Spent:
    """Its latest run, what is known of earlier ones, and the addresses that it keeps at rest."""
    started = max(resource.created or begin, begin)
    machine, lent = rates.machine(resource, prices), rates.addresses(resource, prices)
    runs = resource.state not in rates.NOT_BILLED
    stopped = None if runs else _stop(resource, started)
    latest = max((one.end for one in lived), default=started)
    end = window.until if runs else stopped or max(started, latest)
    ran = window.seconds(started, end, _MINIMUM)
    ran += sum(window.seconds(*period) for period in _earlier(lived, begin, started))
    had = window.seconds(started if runs else begin, window.until)
    before = started - begin > _SAME_START and (window.since is None or window.since < started)
    whole = not before and not machine.missing and (runs or stopped is not None)
    return Spent(machine.monthly * ran + lent.monthly * had, whole)


def _earlier(
    lived: Sequence[LivePeriod], begin: datetime, started: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The periods that ended before the latest start.

    One in which that start lies says nothing: the machine stood still for a part of it.
    """
    for period in lived:
        if period.end <= started:
            yield max(period.begin or begin, begin), period.end


def _server(resource: Resource, begin: datetime, window: Window, prices: Prices) -> Spent:
    """A database server: the least of its hours does not hold for its storage.

    No description says when one was stopped before.
    """
    hours, rest = rates.server(resource, prices), rates.server_storage(resource, prices)
    rest = rest.plus(rates.addresses(resource, prices))
    ran = window.seconds(begin, window.until, _SERVER_MINIMUM)
    had = window.seconds(begin, window.until)
    whole = not hours.missing and not rest.missing
    return Spent(hours.monthly * ran + rest.monthly * had, whole)


def _stop(resource: Resource, started: datetime) -> datetime | None:
    """When its latest run ended; None if its description does not say."""
    stopped = resource.billing.stopped
    return stopped if stopped is not None and stopped >= started else None
