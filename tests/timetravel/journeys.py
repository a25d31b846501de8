"""The days and time zones that the suite is run in: each hard on code that reads a clock."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Journey:
    """A day, given today, and the time zone to spend it in."""

    name: str
    to: Callable[[datetime], datetime]
    zone: str


def _year_end(now: datetime) -> datetime:
    """Before midnight, so that the year changes under the tests."""
    return datetime(now.year, 12, 31, 23, 58, tzinfo=UTC)


def _leap_day(now: datetime) -> datetime:
    year = next(year for year in range(now.year + 1, now.year + 9) if calendar.isleap(year))
    return datetime(year, 2, 29, 1, tzinfo=UTC)


JOURNEYS = (
    Journey("year-end", _year_end, "Pacific/Kiritimati"),  # 14 h ahead: a day and a year later
    Journey("leap-day", _leap_day, "America/St_Johns"),  # 3½ h behind: 28 February
    Journey("ten-years", lambda now: now + timedelta(days=3653), "Asia/Kathmandu"),  # 5¾ h ahead
    Journey("five-days-ago", lambda now: now - timedelta(days=5), "Pacific/Pago_Pago"),  # -11 h
)


def of_the_day(now: datetime) -> Journey:
    """The journey whose turn it is: every day another one."""
    return JOURNEYS[now.toordinal() % len(JOURNEYS)]


def named(name: str) -> Journey:
    """The journey of this name; LookupError names them all."""
    found = {one.name: one for one in JOURNEYS}.get(name)
    if found is None:
        raise LookupError(f"no journey {name!r}; there are {', '.join(j.name for j in JOURNEYS)}")
    return found


def seconds_ahead(journey: Journey, now: datetime) -> float:
    """By how much the clock is set; negative: back."""
    return (journey.to(now) - now).total_seconds()
