"""The cost audit as a table for a terminal, or as markdown. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from reconciler.cost import estimate
from reconciler.cost.audit import GARBAGE, AuditRow, CostItem, Report
from reconciler.cost.estimate import Sum, as_of, price
from reconciler.cost.grouping import CostGroup
from reconciler.cost.price_list import Prices
from reconciler.cost.rates import LEFT_OUT
from reconciler.gc.verdict import Reason
from reconciler.model import resource as kinds
from reconciler.model.journal.savings import Savings
from reconciler.output.audit.figures import Figures, beside, figures_of, first_sentence
from reconciler.output.audit.fitted import fitted
from reconciler.output.audit.view import ALL, View
from reconciler.output.coverage import completeness_lines, stranger_line
from reconciler.output.let_go import let_go_lines
from reconciler.util import humanize
from reconciler.util.duration import format_duration

_SOME = 20
"""Maximum number of look-alikes in the table; JSON and HTML list all."""

_HEADS = ("service", "release", "state", "since", "machines", "other")
_FIGURES = ("$/month", "$/h", "so far")
_RIGHT = (6, 7, 8)
_OPTIONAL = (5, 4, 7, 3)
"""What else the deploy holds, its machines, $/h, since when."""
_WIDTH = 80
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
    """Every row of the table as text, the total last; the figures add up as they are shown."""
    rows: list[tuple[str, ...]] = []
    several = len(report.services) > 1
    figures = figures_of([row.cost for row in report.rows])
    every = list(zip(report.rows, figures, strict=True))
    for service in report.services:
        own = [(row, shown) for row, shown in every if row.service == service]
        for n, (row, shown) in enumerate(own):
            rows.append((*_row_cells(row, report.now, "" if n else service), *shown.cells()))
        if several and len(own) > 1:
            sums = Figures.of(shown for _, shown in own)
            rows.append(("", f"all of {service}", "", "", "", "", *sums.cells()))
    return [*rows, ("total", "", "", "", "", "", *Figures.of(figures).cells())]


def _row_cells(row: AuditRow, now: datetime | None, service: str) -> tuple[str, ...]:
    release = humanize.one_line(row.release)[:16] or f"…{row.deploy.short}"
    machines = " ".join(f"{n} {state}" for state, n in sorted(row.machines.items()))
    other = " ".join(f"{row.other[kind]} {short}" for kind, short in _SHORT if row.other.get(kind))
    return (service, release, row.state, _since(row.since, now), machines or "–", other)


def _since(born: datetime, now: datetime | None) -> str:
    """The time of day within the last 24 hours, else the date."""
    recent = now is not None and now - born < timedelta(hours=24)
    return f"{born:%H:%M}" if recent else f"{born:%b %d}"


def group_cells(report: Report, groups: Sequence[CostGroup]) -> list[tuple[str, ...]]:
    """A row a group, the total last."""
    figures = figures_of([group.cost for group in groups])
    rows = [
        (humanize.one_line(group.name), str(group.cost.resources), *each.cells())
        for group, each in zip(groups, figures, strict=True)
    ]
    return [*rows, ("total", str(report.total.resources), *Figures.of(figures).cells())]


def table(
    report: Report, view: View = ALL, *, verbose: bool = False, width: int | None = None
) -> str:
    """For people: the deploys, the orphans separately, and the waste; or the sums of a view.

    `width`: of the terminal, if it is one: then less important columns are left out, and other
    lines are broken between words.
    """
    foot = humanize.wrapped(_foot(report, verbose=verbose), width)
    if view.by:
        rows = [_group_heads(report, view), *group_cells(report, view.groups(report))]
        return "\n".join([*fitted(rows, (1, 2, 3, 4), (3,), width), *foot])
    lines = fitted([heads(report), *_cells(report)], _RIGHT, _OPTIONAL, width)
    return "\n".join([*lines, *humanize.wrapped(_orphan_lines(report), width), *foot])


def heads(report: Report) -> tuple[str, ...]:
    """The columns of the table of deploys."""
    return (*_HEADS, "$/month", "$/h", _spent_head(report))


def _group_heads(report: Report, view: View) -> tuple[str, ...]:
    return (view.by, "resources", "$/month", "$/h", _spent_head(report))


def _spent_head(report: Report) -> str:
    return "so far" if report.back is None else f"in {format_duration(report.back)}"


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
    return lines + _share_lines(report)


def _share_lines(report: Report) -> list[str]:
    """What databases take of servers that no release has made."""
    if not report.shares:
        return []
    rows = [(one.database.name, one.server.id, one.percent) for one in report.shares]
    figures = figures_of([one.cost for one in report.shares])
    cells = [(*row, shown.cells()[0]) for row, shown in zip(rows, figures, strict=True)]
    whole = ("all of these", "", "", Figures.of(figures).cells()[0])
    heads = ("database", "of server", "by size", "$/month")
    lines = humanize.aligned([heads, *cells[:_SOME], whole], (2, 3))
    return ["", "databases' parts of their servers, in no sum above", *lines]


def _orphan(prices: Prices, item: CostItem) -> str:
    resource = item.verdict.resource
    status = "garbage" if item.verdict.collect else f"kept: {item.verdict.reason.value}"
    cost = price(resource, prices)
    return f"  {resource.kind:<17} {resource.id:<21} {status:<20} {cost:>14}".rstrip()


def _foot(report: Report, *, verbose: bool = False) -> list[str]:
    total = report.total
    left_out = textwrap.wrap(f"not counted: {', '.join(LEFT_OUT)}", _WIDTH)
    shared = [line] if (line := beside(report)) else []
    lines = [*left_out, *shared, "", f"wasted now {_wasted(report)}"]
    kept = estimate.add(item.cost for item in report.orphans if not item.verdict.collect)
    if kept.resources:
        lines[-1] += f"; orphans that are kept cost {_least(kept)}{_month(kept)} more"
    if report.wasted_since is not None:
        lines[-1] += f", the oldest since {_since(report.wasted_since, report.now)}"
    if report.saved is not None:
        lines[-1] += f" · {saved_text(report.saved)}"
    if report.garbage_since:
        spent = report.spent_as_garbage.so_far
        lines.append(f"garbage has cost {humanize.money(spent)} since it became garbage")
    if total.unknown:
        lines.append(
            f"unknown: the price of {humanize.count(total.unknown, 'resource')}, or a part of it"
        )
    lines += [f"{name} is unknown: {why}" for name, why in report.unknown.items()]
    lines += [f"unread: {gap}" for gap in report.gaps]
    lines += [
        *map(stranger_line, report.strangers),
        f"prices of {as_of(report.prices)}, on demand; estimates, a month of 30 days",
    ]
    return lines + completeness_lines(report.reads, verbose=verbose)


def _least(cost: Sum) -> str:
    return "at least " if cost.unknown else ""


def _month(cost: Sum) -> str:
    return f"{humanize.money(cost.monthly)} a month ({humanize.hourly(cost.hourly)})"


def saved_text(saved: Savings) -> str:
    """What sweeps have saved: a bound where a price is not known."""
    least = "at least " if saved.unpriced else ""
    return f"saved by sweeps in {saved.days} days {least}{humanize.money(saved.dollars)}"


def _wasted(report: Report) -> str:
    """What garbage costs; a service or a scope that could not be read may hide more of it."""
    wasted = report.states.get(GARBAGE, Sum())
    unread = report.unknown or report.gaps
    if unread and not wasted.resources:
        return "unknown: not everything could be read"
    return f"{'at least ' if unread else _least(wasted)}{_month(wasted)}"


def _markdown(row: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def markdown(report: Report, view: View = ALL) -> str:
    """For issues, pull requests and wikis: the first sentence, the table, the foot."""
    if view.by:
        top, rows = _group_heads(report, view), group_cells(report, view.groups(report))
    else:
        top, rows = heads(report), _cells(report)
    texts = len(top) - len(_FIGURES)
    lines = [_markdown(top), f"|{'---|' * texts}{'---:|' * len(_FIGURES)}"]
    lines += [_markdown(row) for row in rows]
    return "\n".join([first_sentence(report), "", *lines, "", *_foot(report)])
