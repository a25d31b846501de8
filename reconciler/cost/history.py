"""Waste and savings by day, as far as journals tell them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from reconciler.cost.audit import Report
from reconciler.cost.rates import rate
from reconciler.model.journal.entry import SWEEP

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Day:
    """Dollars of one day (UTC): what garbage cost, and what would have been paid without sweeps."""

    date: date
    wasted: Decimal
    saved: Decimal


@dataclass(frozen=True)
class _Period:
    """Something that costs so much an hour, from one time to another."""

    begin: datetime
    end: datetime
    hourly: Decimal

    def within(self, begin: datetime, end: datetime) -> Decimal:
        """What it costs between two times."""
        length = max(min(self.end, end) - max(self.begin, begin), timedelta(0))
        return self.hourly * Decimal(length // timedelta(seconds=1)) / 3600


def days(report: Report, count: int = 30) -> tuple[Day, ...]:
    """The last days, the present one last and as far as it has come; none without a journal."""
    now = report.now
    if now is None or not report.entries:
        return ()
    wasted, saved = list(_wasted(report, now)), list(_saved(report, now))
    midnight = datetime.combine(now.astimezone(UTC).date(), time(0), UTC)
    begins = [midnight - _DAY * n for n in reversed(range(count))]
    return tuple(Day(begin.date(), _on(begin, wasted), _on(begin, saved)) for begin in begins)


def _on(day: datetime, periods: Iterable[_Period]) -> Decimal:
    return sum((period.within(day, day + _DAY) for period in periods), Decimal(0))


def _wasted(report: Report, now: datetime) -> Iterator[_Period]:
    """What was garbage until a sweep deleted it, and what is garbage now."""
    since = report.garbage_since
    for entry in report.entries:
        for gone in entry.removed if entry.kind == SWEEP else ():
            if gone.per_hour is not None and gone.deploy in since:
                end = entry.ended or entry.began
                yield _Period(since[gone.deploy], end, Decimal(str(gone.per_hour)))
    for item in report.waste:
        resource = item.verdict.resource
        if str(resource.deploy) in since:
            hourly = rate(resource, report.prices).hourly
            yield _Period(since[str(resource.deploy)], now, hourly)


def _saved(report: Report, now: datetime) -> Iterator[_Period]:
    """What each sweep deleted would still cost."""
    for entry in report.entries:
        if entry.kind == SWEEP and entry.per_hour:
            yield _Period(entry.ended or entry.began, now, Decimal(str(entry.per_hour)))
