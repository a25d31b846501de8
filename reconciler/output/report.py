"""The cost audit as table, JSON, CSV or markdown: the same figures, and they add up. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from reconciler.cost.audit import GARBAGE, AuditRow, CostItem, Report
from reconciler.cost.estimate import MONTH, Sum, as_of, as_shown, price
from reconciler.cost.price_list import Prices
from reconciler.gc.verdict import Reason
from reconciler.model import resource as kinds
from reconciler.model.journal.savings import Savings
from reconciler.output.answers import (
    CostAnswer,
    CostedAnswer,
    ReportAnswer,
    ReportRowAnswer,
    SavedAnswer,
)
from reconciler.output.coverage import completeness_lines, scope_json, stranger_line
from reconciler.output.ledger import iso
from reconciler.output.let_go import let_go_lines
from reconciler.output.plan import verdict_json
from reconciler.util import humanize

_SOME = 20
"""Maximum number of look-alikes in the table; JSON and HTML list all."""

HEADS = ("service", "release", "state", "since", "machines", "other", "$/h", "so far")
_RIGHT = (6, 7)
_SHORT = (
    (kinds.VOLUME, "vol"),
    (kinds.IMAGE, "img"),
    (kinds.SNAPSHOT, "snap"),
    (kinds.DATABASE, "db"),
    (kinds.ADDRESS, "ip"),
    (kinds.RDS_INSTANCE, "rds"),
    (kinds.RDS_SNAPSHOT, "rds-snap"),
    (kinds.GROUP, "sg"),
    (kinds.KEY_PAIR, "key"),
    (kinds.TARGET_GROUP, "tg"),
    (kinds.TEMPLATE, "lt"),
)
"""The kinds under `other`; a network interface is part of its machine and costs nothing."""


def _cells(report: Report) -> list[tuple[str, ...]]:
    """Every row of the table as text, the total last."""
    rows: list[tuple[str, ...]] = []
    several = len(report.services) > 1
    for service in report.services:
        own = [row for row in report.rows if row.service == service]
        rows += [_row_cells(row, report.now, "" if n else service) for n, row in enumerate(own)]
        if several and len(own) > 1:
            sums = as_shown(row.cost for row in own)
            rows.append(("", f"all of {service}", "", "", "", "", _dollars(sums), _so_far(sums)))
    total = as_shown(row.cost for row in report.rows)
    return [*rows, ("total", "", "", "", "", "", _dollars(total), _so_far(total))]


def _row_cells(row: AuditRow, now: datetime | None, service: str) -> tuple[str, ...]:
    release = humanize.one_line(row.release)[:16] or f"…{row.deploy.short}"
    machines = " ".join(f"{n} {state}" for state, n in sorted(row.machines.items()))
    other = " ".join(f"{row.other[kind]} {short}" for kind, short in _SHORT if row.other.get(kind))
    since = _since(row.since, now)
    cost = (_dollars(row.cost), _so_far(row.cost))
    return (service, release, row.state, since, machines or "–", other, *cost)


def _since(born: datetime, now: datetime | None) -> str:
    """The time of day within the last 24 hours, else the date."""
    recent = now is not None and now - born < timedelta(hours=24)
    return f"{born:%H:%M}" if recent else f"{born:%b %d}"


def _dollars(cost: Sum) -> str:
    """The known cost; a `+` means that some prices are unknown."""
    if cost.is_unknown:
        return "unknown"
    return f"{cost.hourly:.4f}{'+' if cost.unknown else ''}"


def _so_far(cost: Sum) -> str:
    if cost.is_ageless:
        return "unknown"
    return f"{cost.so_far:.2f}{'+' if cost.ageless else ''}"


def table(report: Report, *, verbose: bool = False) -> str:
    """For people: the deploys, the orphans separately, and the waste."""
    lines = humanize.aligned([HEADS, *_cells(report)], _RIGHT)
    return "\n".join([*lines, *_orphan_lines(report), *_foot(report, verbose=verbose)])


def _orphan_lines(report: Report) -> list[str]:
    """The orphans; then the look-alikes, up to a limit."""
    orphan = partial(_orphan, report.prices)
    lines = ["", "orphans", *map(orphan, report.orphans)] if report.orphans else []
    left = let_go_lines((item.verdict for item in report.let_go), report.prices)
    if left:
        lines += ["", "adopted, of no release any more", *(f"  {line}" for line in left)]
    alike = [item for item in report.foreign if item.verdict.reason is Reason.LOOK_ALIKE]
    if alike:
        lines += ["", "look-alikes, in no sum above", *map(orphan, alike[:_SOME])]
    if len(alike) > _SOME:
        lines.append(f"  and {len(alike) - _SOME} more")
    return lines


def _orphan(prices: Prices, item: CostItem) -> str:
    resource = item.verdict.resource
    status = "garbage" if item.verdict.collect else f"kept: {item.verdict.reason.value}"
    cost = price(resource, prices)
    return f"  {resource.kind:<17} {resource.id:<21} {status:<20} {cost:>14}".rstrip()


def _foot(report: Report, *, verbose: bool = False) -> list[str]:
    lines = ["", f"wasted now {_wasted(report)}"]
    kept = as_shown(item.cost for item in report.orphans if not item.verdict.collect)
    if kept.resources:
        least = "at least " if kept.unknown else ""
        lines[-1] += f"; orphans that are kept cost {least}{humanize.hourly(kept.hourly)} more"
    if report.wasted_since is not None:
        lines[-1] += f", the oldest since {_since(report.wasted_since, report.now)}"
    if report.saved is not None:
        lines[-1] += f" · {saved_text(report.saved)}"
    if report.total.unknown:
        lines.append(
            f"+ and {humanize.count(report.total.unknown, 'resource')} whose price is not known"
        )
    lines += [f"{name} is unknown: {why}" for name, why in report.unknown.items()]
    lines += [f"unread: {gap}" for gap in report.gaps]
    lines += [
        *map(stranger_line, report.strangers),
        f"prices of {as_of(report.prices)}, on demand; estimates",
    ]
    return lines + completeness_lines(report.reads, verbose=verbose)


def saved_text(saved: Savings) -> str:
    """What sweeps have saved: a bound where a price is not known."""
    least = "at least " if saved.unpriced else ""
    return f"saved by sweeps in {saved.days} days {least}{humanize.money(saved.dollars)}"


def _wasted(report: Report) -> str:
    """What garbage costs; a service or a scope that could not be read may hide more of it."""
    wasted = as_shown(row.cost for row in report.rows if row.state == GARBAGE)
    unread = report.unknown or report.gaps
    if unread and not wasted.resources:
        return "unknown: not everything could be read"
    least = "at least " if wasted.unknown or unread else ""
    month = humanize.money(wasted.hourly * MONTH)
    return f"{least}{humanize.hourly(wasted.hourly)} ({month} in 30 days)"


def as_json(report: Report) -> ReportAnswer:
    """For programs: unrounded figures, and every orphan with its reason."""
    return {
        "now": iso(report.now) if report.now else None,
        "prices": as_of(report.prices),
        "deploys": [_row_json(row, report.prices) for row in report.rows],
        "orphans": [_item_json(item, report.prices) for item in report.orphans],
        "let_go": [_item_json(item, report.prices) for item in report.let_go],
        "foreign": [_item_json(item, report.prices) for item in report.foreign],
        "services": {name: _sum_json(cost) for name, cost in report.services.items()},
        "states": {name: _sum_json(cost) for name, cost in report.states.items()},
        "total": _sum_json(report.total),
        "saved": _saved_json(report.saved) if report.saved else None,
        "wasted": {
            **_sum_json(report.wasted),
            "since": iso(report.wasted_since) if report.wasted_since else None,
            "month": report.wasted.hourly * MONTH,
        },
        "unknown": dict(report.unknown),
        "gaps": list(report.gaps),
        **scope_json(report.reads, report.strangers),
    }


def _saved_json(saved: Savings) -> SavedAnswer:
    return {
        "days": saved.days,
        "deletions": saved.deletions,
        "dollars": saved.dollars,
        "per_hour": saved.per_hour,
        "unpriced": saved.unpriced,
    }


def _row_json(row: AuditRow, prices: Prices) -> ReportRowAnswer:
    return {
        "service": row.service,
        "deploy": str(row.deploy),
        "release": row.release,
        "state": row.state,
        "since": iso(row.since),
        "machines": dict(row.machines),
        "other": dict(row.other),
        **_sum_json(row.cost),
        "resources": [_item_json(item, prices) for item in row.items],
    }


def _item_json(item: CostItem, prices: Prices) -> CostedAnswer:
    return {**verdict_json(item.verdict, prices), "is": item.state, **_sum_json(item.cost)}


def _sum_json(cost: Sum) -> CostAnswer:
    return {
        "hourly": None if cost.is_unknown else cost.hourly,
        "so_far": None if cost.is_ageless else cost.so_far,
        "things": cost.resources,
        "unknown_prices": cost.unknown,
    }


def as_csv(report: Report) -> str:
    """For spreadsheets: one deploy per line, no total, full times."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = ("service", "deploy", "release", "state", "since", "machines", "other")
    writer.writerow((*heads, "hourly", "so_far", "unknown_prices"))
    for row in report.rows:
        machines, others = sum(row.machines.values()), sum(row.other.values())
        cost = (f"{row.cost.hourly:.6f}", f"{row.cost.so_far:.6f}", row.cost.unknown)
        words_ = (row.service, str(row.deploy), _inert(row.release), row.state)
        writer.writerow((*words_, iso(row.since), machines, others, *cost))
    return out.getvalue()


def _inert(text: str) -> str:
    """Escape untrusted text, so that a spreadsheet does not read a tag as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _markdown(row: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def markdown(report: Report) -> str:
    """For issues and wikis."""
    lines = [f"| {' | '.join(HEADS)} |", f"|{'---|' * 6}---:|---:|"]
    lines += [_markdown(row) for row in _cells(report)]
    return "\n".join([*lines, *_foot(report)])
