"""Joins the results of the scopes: one completeness table, one verdict. Pure.

A scope without a result was not swept, whatever the others say: unknown is not empty (rule 6).
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from reconciler.model.coverage import INDEX, Read, ReadStatus, merged
from reconciler.model.tags import AccountRegion
from reconciler.sweep.scopes.result import ScopeResult
from reconciler.util.humanize import rough

MAX_AGE = timedelta(hours=24)
"""An older result is of another run: the scope counts as missing."""


class ScopeStatus(StrEnum):
    """How complete a scope is; the best status first."""

    CLEAN = "clean"
    DIRTY = "dirty"
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True)
class ScopeRow:
    """A scope in the joined report. `why` is empty for a clean one."""

    scope: str
    status: ScopeStatus
    why: str = ""
    cure: str = ""
    result: ScopeResult | None = None


@dataclass(frozen=True)
class Collation:
    """All scopes of a run, sorted. `unexpected` have results and are not in the configuration."""

    rows: tuple[ScopeRow, ...]
    unexpected: tuple[str, ...] = ()

    def having(self, *statuses: ScopeStatus) -> tuple[ScopeRow, ...]:
        """The scopes of these statuses."""
        return tuple(row for row in self.rows if row.status in statuses)

    @property
    def incomplete(self) -> bool:
        """Whether a scope failed or is missing."""
        return bool(self.having(ScopeStatus.FAILED, ScopeStatus.MISSING))

    @property
    def clean(self) -> bool:
        """Whether every scope was swept, and nothing is left in any."""
        return len(self.having(ScopeStatus.CLEAN)) == len(self.rows)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many scopes have each status."""
        found = Counter(row.status.value for row in self.rows)
        return {status.value: found[status.value] for status in ScopeStatus}

    @property
    def calls(self) -> int:
        """The requests to AWS of all scopes."""
        return sum(row.result.calls for row in self.rows if row.result)

    @property
    def removed(self) -> Mapping[str, int]:
        """What was removed, by kind."""
        found: Counter[str] = Counter()
        for row in self.rows:
            found.update((row.result.answer if row.result else {}).get("removed", {}))
        return dict(sorted(found.items()))

    @property
    def reads(self) -> tuple[Read, ...]:
        """The completeness table of all scopes; a scope without an answer is a row not read."""
        return merged(read for row in self.rows for read in _reads(row))


def collate(
    expected: Iterable[str],
    results: Sequence[ScopeResult],
    now: datetime,
    place: str,
    unreadable: Mapping[str, str] | None = None,
) -> Collation:
    """Join results. `expected` are the scopes of the run; `unreadable` files, each with why.

    `place` is the folder of the results, where that of a scope that is swept again belongs.
    """
    wanted = sorted(set(expected))
    newest: dict[str, ScopeResult] = {}
    for result in sorted(results, key=lambda one: one.ended):
        newest[result.scope] = result
    rows = [_row(scope, newest.get(scope), now, place) for scope in wanted]
    rows += [
        ScopeRow(name, ScopeStatus.FAILED, why) for name, why in sorted((unreadable or {}).items())
    ]
    return Collation(tuple(rows), tuple(sorted(set(newest) - set(wanted))))


def _row(scope: str, result: ScopeResult | None, now: datetime, place: str) -> ScopeRow:
    file = f"{place.rstrip('/')}/{scope.replace('/', '_')}.json"
    again = f"To sweep it   reconciler sweep --scope {scope} --result {shlex.quote(file)}"
    if result is None:
        return ScopeRow(scope, ScopeStatus.MISSING, "it has no result", again)
    if now - result.ended > MAX_AGE:
        why = f"its result is of another run: it ended {rough(now - result.ended)} ago"
        return ScopeRow(scope, ScopeStatus.MISSING, why, again)
    unread = [read.note for read in _table(result) if read.status is ReadStatus.FAILED]
    unread += [f"{name} is unknown: {why}" for name, why in _unknown(result).items()]
    if not result.answer or unread:
        why = result.message or "; ".join(dict.fromkeys(unread))
        status = ScopeStatus.FAILED
    else:
        why = result.message or ("" if result.exit == 0 else "something is left")
        status = ScopeStatus.DIRTY if result.exit else ScopeStatus.CLEAN
    # What a sweep offers does not write the result that is joined here.
    cures = (result.cure if not again.startswith(result.cure) else "", again)
    return ScopeRow(scope, status, why, "\n".join(filter(None, cures)) if why else "", result)


def _reads(row: ScopeRow) -> Sequence[Read]:
    if row.status is ScopeStatus.MISSING or row.result is None or not row.result.answer:
        account, _, region = row.scope.partition("/")
        place = AccountRegion(account, region)
        return [Read(place, INDEX, ReadStatus.FAILED, note=row.why)]
    return _table(row.result)


def _unknown(result: ScopeResult) -> Mapping[str, str]:
    """The services that were not swept, each with why."""
    found: Mapping[str, str] = result.answer.get("unknown", {})
    return found


def _table(result: ScopeResult) -> Sequence[Read]:
    rows: Sequence[Mapping[str, Any]] = result.answer.get("completeness", ())
    return [
        Read(
            AccountRegion(row["account"], row["region"]),
            row["kind"],
            ReadStatus(row["status"]),
            row["pages"],
            row["calls"],
            row["note"],
        )
        for row in rows
    ]
