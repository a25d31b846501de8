"""What sweeps have saved: by the hour, and since each deletion. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from reconciler.model.journal.entry import FAILED, RELEASE, SWEEP, Entry


@dataclass(frozen=True)
class Savings:
    """The deletions of sweeps in `days`: their number, and $ that they would have cost until now.

    `per_hour`: what all of it would cost now. `unpriced`: deletions without a known price.
    """

    days: int
    deletions: int = 0
    dollars: Decimal = Decimal(0)
    per_hour: Decimal = Decimal(0)
    unpriced: int = 0


def savings(entries: Iterable[Entry], now: datetime, days: int = 30) -> Savings:
    """Each deletion counts from its sweep until now, as long as nothing else had deleted it."""
    found = Savings(days)
    for entry in entries:
        when = entry.ended or entry.began
        if entry.kind != SWEEP or when < now - timedelta(days=days):
            continue
        hours = Decimal(max(now - when, timedelta(0)) // timedelta(seconds=1)) / 3600
        found = Savings(
            days,
            found.deletions + len(entry.removed),
            found.dollars + _saved_per_hour(entry) * hours,
            found.per_hour + _saved_per_hour(entry),
            found.unpriced + entry.unpriced,
        )
    return found


def _saved_per_hour(entry: Entry) -> Decimal:
    return Decimal(str(entry.per_hour or 0))


def unrooted_since(entries: Iterable[Entry]) -> Mapping[str, datetime]:
    """By deploy, when it lost its root: its failed release ended, or its lease or place was taken.

    Whatever of it still exists after that is garbage.
    """
    found: dict[str, datetime] = {}
    for entry in entries:
        when = entry.ended or entry.began
        failed = entry.kind == RELEASE and entry.outcome == FAILED and entry.deploy
        for deploy in (*((entry.deploy,) if failed else ()), *entry.ended_leases, *entry.forgotten):
            found[deploy] = min(when, found.get(deploy, when))
    return found
