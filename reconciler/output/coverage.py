"""The scope of a result: what was read per account and region, and which foreign resources exist.

Pure. One line if everything was read; the whole table if something was not, or on request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.cost.foreign import ForeignResources
from reconciler.model.coverage import (
    EVERYWHERE,
    GLOBAL,
    MACHINE,
    Read,
    ReadStatus,
    all_read,
    merged,
)
from reconciler.model.resource import DATABASE
from reconciler.output.answers import ReadAnswer, ScopeAnswer
from reconciler.util import humanize

_HEADS = ("account", "region", "kind", "status", "pages", "calls", "note")
_RIGHT = (4, 5)


def completeness_lines(reads: Iterable[Read], *, verbose: bool = False) -> list[str]:
    """`read all of …` in one line, or a row for each account, region and kind."""
    rows = merged(reads)
    if not rows:
        return []
    if all_read(rows) and not verbose:
        return [f"read all of {_extent(rows)}{_not_configured(rows)}"]
    missed = sum(read.status is ReadStatus.FAILED for read in rows)
    skipped = sum(read.status is ReadStatus.SKIPPED for read in rows)
    ends = {"not read": missed, "left out": skipped}
    gaps = ", ".join(f"{n} {what}" for what, n in ends.items() if n)
    head = f"read {_extent(rows)}" + (f"; {gaps}" if gaps else "") + _not_configured(rows)
    cells = ([humanize.one_line(str(fact)) for fact in _facts(read)] for read in rows)
    table = humanize.aligned([(*_HEADS[:-1], ""), *cells], _RIGHT)
    return [head, *(f"  {line}" for line in table)]


def elsewhere_lines(reads: Iterable[Read]) -> list[str]:
    """The command that finishes a sweep that could not reach machines or databases.

    It is the same sweep, from another network: finished work is not repeated.
    """
    far = [read for read in reads if read.kind in (MACHINE, DATABASE) and read.service]
    services = sorted({read.service for read in far if read.status is not ReadStatus.READ})
    if not services:
        return []
    options = " ".join(f"--service {name}" for name in services)
    return [f"To do the rest, from where it can be reached   reconciler sweep {options}"]


def _not_configured(rows: Sequence[Read]) -> str:
    kinds = sorted({read.kind for read in rows if read.status is ReadStatus.NOT_CONFIGURED})
    return f"; not configured: {', '.join(kinds)}" if kinds else ""


def _extent(rows: Sequence[Read]) -> str:
    rows = [read for read in rows if read.status is not ReadStatus.NOT_CONFIGURED]
    regions = {read.place for read in rows} - {
        read.place for read in rows if read.place.region in (GLOBAL, EVERYWHERE)
    }
    scope = {
        "account": len({read.place.account for read in rows}),
        "region": len(regions),
        "kind": len({read.kind for read in rows}),
    }
    effort = {"page": sum(read.pages for read in rows), "call": sum(read.calls for read in rows)}
    return f"{humanize.counts(scope)}: {humanize.counts(effort)}"


def _facts(read: Read) -> tuple[object, ...]:
    """A row of the table, in the order of _HEADS."""
    place = (read.place.account, read.place.region)
    return (*place, read.kind, read.status.value, read.pages, read.calls, read.note)


def stranger_line(group: ForeignResources) -> str:
    """One line for a group of foreign resources, with their cost."""
    who = humanize.one_line(group.service or "?")
    least = "at least " if group.cost.unknown else ""
    price = f"{least}{humanize.hourly(group.cost.hourly)}"
    if group.cost.is_unknown:
        price = "price unknown"
    where = ", ".join(group.places)
    why = humanize.one_line(group.why)
    return f"not ours    {who}: {humanize.counts(group.kinds)} in {where}, {price}: {why}; kept"


def scope_json(reads: Iterable[Read], groups: Iterable[ForeignResources]) -> ScopeAnswer:
    """The table and the foreign resources for programs."""
    return {
        "not_ours": [
            {
                "service": group.service,
                "ledger": group.ledger,
                "why": group.why,
                "kinds": dict(group.kinds),
                "places": list(group.places),
                "hourly": None if group.cost.is_unknown else float(group.cost.hourly),
                "unknown_prices": group.cost.unknown,
            }
            for group in groups
        ],
        "completeness": [_read_json(read) for read in merged(reads)],
    }


def _read_json(read: Read) -> ReadAnswer:
    return {
        "account": read.place.account,
        "region": read.place.region,
        "kind": read.kind,
        "status": read.status.value,
        "pages": read.pages,
        "calls": read.calls,
        "note": read.note,
    }
