"""When each deploy was live, as ledgers and journals tell it: then its machines ran. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.model.journal.entry import RELEASED, ROLLED_BACK, UNFINISHED, Entry
from reconciler.model.ledger import Ledger

_SWITCHED = frozenset({RELEASED, ROLLED_BACK, UNFINISHED})


@dataclass(frozen=True)
class LivePeriod:
    """A deploy was live until `end`, since `begin`, or since its machines were launched."""

    end: datetime
    begin: datetime | None = None


def live_periods(
    ledgers: Iterable[Ledger], entries: Iterable[Entry]
) -> Mapping[str, tuple[LivePeriod, ...]]:
    """By deploy, what is known of its past: a ledger has its latest retirement alone."""
    found: dict[str, list[LivePeriod]] = {}
    for deploy, period in _of_journals(entries):
        found.setdefault(deploy, []).append(period)
    for ledger in ledgers:
        for previous in ledger.previous:
            periods = found.setdefault(str(previous.id), [])
            if not periods:
                periods.append(LivePeriod(previous.retired))
    return {deploy: tuple(periods) for deploy, periods in found.items()}


def _of_journals(entries: Iterable[Entry]) -> Iterable[tuple[str, LivePeriod]]:
    """Each switch of a service ends the period of the deploy that was live."""
    live: dict[str, tuple[str, datetime | None]] = {}
    seen: set[str] = set()
    switches = [one for one in entries if one.outcome in _SWITCHED and one.deploy and one.ended]
    for entry in sorted(switches, key=lambda one: one.ended or one.began):
        service, now = entry.id.service, entry.ended or entry.began
        if service in live:
            deploy, begin = live[service]
            yield deploy, LivePeriod(now, begin)
        live[service] = (entry.deploy, now if entry.deploy in seen else None)
        seen.add(entry.deploy)
