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
        return [f"read all of {_extent(rows)}"]
    missed = sum(one.status is ReadStatus.FAILED for one in rows)
    skipped = sum(one.status is ReadStatus.SKIPPED for one in rows)
    ends = {"not read": missed, "left out": skipped}
    said = ", ".join(f"{n} {what}" for what, n in ends.items() if n)
    head = f"read {_extent(rows)}" + (f"; {said}" if said else "")
    return [head, *_table([_HEADS, *map(_cells, rows)])]


def elsewhere_lines(reads: Iterable[Read]) -> list[str]:
    """The command that finishes a sweep that could not reach machines or databases.

    It is the same sweep, from another network: finished work is not repeated.
    """
    far = [one for one in reads if one.kind in (MACHINE, DATABASE) and one.service]
    services = sorted({one.service for one in far if one.status is not ReadStatus.READ})
    if not services:
        return []
    named = " ".join(f"--service {one}" for one in services)
    return [f"To do the rest, from where it can be reached   reconciler sweep {named}"]


def _extent(rows: Sequence[Read]) -> str:
    regions = {one.place for one in rows} - {
        one.place for one in rows if one.place.region in (GLOBAL, EVERYWHERE)
    }
    scope = {
        "account": len({one.place.account for one in rows}),
        "region": len(regions),
        "kind": len({one.kind for one in rows}),
    }
    effort = {"page": sum(one.pages for one in rows), "call": sum(one.calls for one in rows)}
    return f"{humanize.counts(scope)}: {humanize.counts(effort)}"


def _cells(one: Read) -> tuple[str, ...]:
    note = humanize.one_line(one.note)
    place = (one.place.account, one.place.region)
    return (*place, one.kind, one.status.value, str(one.pages), str(one.calls), note)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEADS) - 1)]
    return [
        "  "
        + "  ".join(
            text.rjust(width) if n in _RIGHT else text.ljust(width)
            for n, (text, width) in enumerate(zip(row, widths, strict=False))
        )
        + f"  {row[-1]}".rstrip()
        for row in rows
    ]


def completeness_json(reads: Iterable[Read]) -> list[dict[str, Any]]:
    """The table for programs."""
    return [
        {
            "account": one.place.account,
            "region": one.place.region,
            "kind": one.kind,
            "status": one.status.value,
            "pages": one.pages,
            "calls": one.calls,
            "note": one.note,
        }
        for one in merged(reads)
    ]


def stranger_lines(groups: Iterable[ForeignResources]) -> list[str]:
    """One line for each group of foreign resources, with their cost."""
    return [_stranger(one) for one in groups]


def _stranger(one: ForeignResources) -> str:
    who = humanize.one_line(one.service or "?")
    price = humanize.hourly(one.cost.hourly) + ("+" if one.cost.unknown else "")
    if one.cost.resources == one.cost.unknown:
        price = "price unknown"
    where = ", ".join(one.places)
    why = humanize.one_line(one.why)
    return f"not ours    {who}: {humanize.counts(one.kinds)} in {where}, {price}: {why}; kept"


def strangers_json(groups: Iterable[ForeignResources]) -> list[dict[str, Any]]:
    """The groups for programs."""
    return [
        {
            "service": one.service,
            "ledger": one.ledger,
            "why": one.why,
            "kinds": dict(one.kinds),
            "places": list(one.places),
            "hourly": None if one.cost.resources == one.cost.unknown else one.cost.hourly,
            "unknown_prices": one.cost.unknown,
        }
        for one in groups
    ]
