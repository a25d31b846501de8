"""The scope of a result: what was read per account and region, and which foreign resources exist.

Pure. One line if everything was read; the whole table if something was not, or on request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

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
from reconciler.util import humanize

_HEADS = ("account", "region", "kind", "status", "pages", "calls", "")
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
    table = humanize.aligned([_HEADS, *map(_cells, rows)], _RIGHT)
    return [head, *(f"  {line}" for line in table)]


def elsewhere_lines(reads: Iterable[Read]) -> list[str]:
    """The command that finishes a sweep that could not reach machines or databases.

    It is the same sweep, from another network: finished work is not repeated.
    """
    far = [read for read in reads if read.kind in (MACHINE, DATABASE) and read.service]
    services = sorted({read.service for read in far if read.status is not ReadStatus.READ})
    if not services:
        return []
    named = " ".join(f"--service {name}" for name in services)
    return [f"To do the rest, from where it can be reached   reconciler sweep {named}"]


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


def _cells(read: Read) -> tuple[str, ...]:
    note = humanize.one_line(read.note)
    place = (read.place.account, read.place.region)
    return (*place, read.kind, read.status.value, str(read.pages), str(read.calls), note)


def completeness_json(reads: Iterable[Read]) -> list[dict[str, Any]]:
    """The table for programs."""
    return [
        {
            "account": read.place.account,
            "region": read.place.region,
            "kind": read.kind,
            "status": read.status.value,
            "pages": read.pages,
            "calls": read.calls,
            "note": read.note,
        }
        for read in merged(reads)
    ]


def stranger_lines(groups: Iterable[ForeignResources]) -> list[str]:
    """One line for each group of foreign resources, with their cost."""
    return [_stranger(group) for group in groups]


def _stranger(group: ForeignResources) -> str:
    who = humanize.one_line(group.service or "?")
    price = humanize.hourly(group.cost.hourly) + ("+" if group.cost.unknown else "")
    if group.cost.is_unknown:
        price = "price unknown"
    where = ", ".join(group.places)
    why = humanize.one_line(group.why)
    return f"not ours    {who}: {humanize.counts(group.kinds)} in {where}, {price}: {why}; kept"


def strangers_json(groups: Iterable[ForeignResources]) -> list[dict[str, Any]]:
    """The groups for programs."""
    return [
        {
            "service": group.service,
            "ledger": group.ledger,
            "why": group.why,
            "kinds": dict(group.kinds),
            "places": list(group.places),
            "hourly": None if group.cost.is_unknown else group.cost.hourly,
            "unknown_prices": group.cost.unknown,
        }
        for group in groups
    ]
