"""The cost audit as an HTML page: sums first, then orphans, then all resources.

Without scripts it shows the same, but cannot sort. It shows untrusted text (tags), so all of it is
escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from reconciler.cost.audit import GARBAGE, AuditRow, CostItem, Report
from reconciler.cost.estimate import MONTH, Sum, as_of, as_shown, is_bound
from reconciler.model import tags as t
from reconciler.model.resource import DATABASE
from reconciler.output.html_parts import (
    Cell,
    moment,
    number,
    page,
    state_tag,
    style_of,
    table,
    text,
)
from reconciler.output.ledger import iso
from reconciler.output.let_go import let_go_lines
from reconciler.util import humanize

MOST = 5000
"""Maximum number of listed resources, the most expensive first; a browser must hold them."""


def html(report: Report) -> str:
    """The whole page."""
    return page("What releases cost", _body(report))


def _body(report: Report) -> Iterator[str]:
    yield "<header><h1>What releases cost</h1>"
    yield f'<p class="soft">{_scope(report)}</p></header><main>'
    yield from _troubles(report)
    yield from _cards(report)
    yield from _bar(report)
    yield from _orphans(report)
    yield from _let_go(report)
    yield from _deploys(report)
    yield from _things(report)
    yield from _foreign(report)
    yield f'</main><footer class="soft">{_small_print(report)}</footer>'


def _scope(report: Report) -> str:
    when = f"as of {iso(report.now)}" if report.now else "at an unknown time"
    places = {str(item.verdict.resource.place) for row in report.rows for item in row.items}
    services = humanize.count(len(report.services), "service")
    return escape(" · ".join([when, services, *sorted(places)]))


def _troubles(report: Report) -> Iterator[str]:
    """Show what is unknown before every figure."""
    for name, why in report.unknown.items():
        said = f"<strong>{text(name)} is unknown:</strong> {text(why)}"
        yield f'<p class="note" role="status">{said}</p>'
    for gap in report.gaps:
        yield f'<p class="note" role="status"><strong>Unread:</strong> {text(gap)}</p>'


def _cards(report: Report) -> Iterator[str]:
    total, wasted = _total(report), report.states.get(GARBAGE, Sum())
    since = f"the oldest since {moment(report.wasted_since)}" if report.wasted_since else ""
    clean = "nothing is left behind" if not report.waste else since
    yield '<dl class="cards">'
    yield _card("Everything ours", _hourly(total), f"{_money(total)} since birth")
    yield _card("In 30 days", _month(total), "if it all stays as it is")
    yield _card("Wasted", _hourly(wasted), clean, bad=bool(report.waste))
    yield _card(
        "Waste in 30 days", _month(wasted), f"{_money(wasted)} so far", bad=bool(report.waste)
    )
    yield "</dl>"


def _total(report: Report) -> Sum:
    """The sum of all our resources, as shown."""
    return as_shown(one.cost for one in report.rows)


def _card(name: str, big: str, small: str, *, bad: bool = False) -> str:
    style = "card bad" if bad else "card"
    return (
        f'<div class="{style}"><dt>{escape(name)}</dt><dd class="big">{escape(big)}</dd>'
        f'<dd class="soft">{escape(small)}</dd></div>'
    )


def _bar(report: Report) -> Iterator[str]:
    """The cost of every state: the legend repeats the values of the picture."""
    states = sorted(report.states.items(), key=lambda one: -one[1].hourly)
    whole = sum(cost.hourly for _, cost in states)
    if not whole:
        return
    yield '<svg class="bar" viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true">'
    at = 0.0
    for state, cost in states:
        width = 100 * cost.hourly / whole
        yield f'<rect class="{style_of(state)}" x="{at:.3f}" width="{width:.3f}" height="3"/>'
        at += width
    yield '</svg><ul class="legend">'
    for state, cost in states:
        dot = f'<span class="dot {style_of(state)}" aria-hidden="true"></span>'
        yield f"<li>{dot}{text(state)} {escape(_hourly(cost))}</li>"
    yield "</ul>"


def _orphans(report: Report) -> Iterator[str]:
    yield '<h2 id="orphans">Left behind</h2>'
    if not report.orphans:
        yield "<p>Nothing: every thing is named by its ledger.</p>"
        return
    yield "<p>The next sweep removes what is garbage: <code>reconciler sweep</code>. "
    yield "The rest is kept for a reason.</p>"
    heads = ("what", "id", "of", "is", "since", *_MONEY, "30 days")
    rows = (
        [*_identity(one, why=True), *_cost(one.cost, one), _in_a_month(one)]
        for one in report.orphans
    )
    caption = "Things that nothing roots, with what 30 days (720 h) would cost"
    yield from table("orphans-table", caption, heads, rows)


def _let_go(report: Report) -> Iterator[str]:
    """Adopted machines of no release any more: neither waste nor anybody's release."""
    lines = let_go_lines(one.verdict for one in report.let_go)
    yield from (f"<p>{text(line)}</p>" for line in lines)


_MONEY = ("$/h", "so far")


def _in_a_month(item: CostItem) -> Cell:
    return number("" if _is_free(item) else _month(item.cost), item.cost.hourly)


def _deploys(report: Report) -> Iterator[str]:
    yield '<h2 id="deploys">Deploys</h2>'
    heads = ("service", "release", "deploy", "state", "since", "machines", "things", *_MONEY)
    rows = ([*_deploy(row), *_cost(row.cost)] for row in report.rows)
    sums = [(f"all of {name}", cost) for name, cost in report.services.items()]
    totals = [*(sums if len(sums) > 1 else ()), ("total", _total(report))]
    foot = "".join(
        f'<tr><th scope="row" colspan="7">{text(name)}</th>{"".join(map(str, _cost(cost)))}</tr>'
        for name, cost in totals
    )
    yield from table("deploys-table", "Every deploy of every service", heads, rows, foot)


def _deploy(row: AuditRow) -> list[Cell]:
    machines = ", ".join(f"{n} {state}" for state, n in sorted(row.machines.items())) or "–"
    return [
        Cell(text(row.service)),
        Cell(text(row.release) or "–"),
        Cell(f"<code>{text(row.deploy.short)}</code>"),
        Cell(state_tag(row.state)),
        Cell(moment(row.deploy.born), row.deploy.born.timestamp()),
        Cell(text(machines)),
        number(str(len(row.items)), len(row.items)),
    ]


def _things(report: Report) -> Iterator[str]:
    every = [item for row in report.rows for item in row.items]
    every.sort(key=lambda one: -one.cost.hourly)
    yield '<h2 id="things">Every thing</h2>'
    yield _finder("things-table")
    heads = ("what", "id", "of", "is", "since", "type", *_MONEY)
    rows = (
        [*_identity(item), Cell(text(_size(item))), *_cost(item.cost, item)]
        for item in every[:MOST]
    )
    caption = "What is tagged and proved to be ours"
    if len(every) > MOST:
        caption += f"; the {MOST} dearest of {len(every)}, all with reconciler report --format json"
    yield from table("things-table", caption, heads, rows)


def _finder(table: str) -> str:
    return (
        f'<p class="find" data-for="{table}" hidden><label>Find '
        '<input type="search" autocomplete="off"></label> '
        '<output class="soft" aria-live="polite"></output></p>'
    )


def _foreign(report: Report) -> Iterator[str]:
    if not report.foreign:
        return
    yield '<h2 id="foreign">Not ours</h2>'
    yield "<p>They carry our tags and were not born of our deploys. No sweep touches them, "
    yield "and they are in none of the sums above.</p>"
    heads = ("what", "id", "tagged", "is", "since", *_MONEY)
    rows = ([*_identity(one, why=True), *_cost(one.cost, one)] for one in report.foreign)
    cells = "".join(map(str, _cost(report.not_ours)))
    foot = f'<tr><th scope="row" colspan="5">all of these</th>{cells}</tr>'
    yield from table("foreign-table", "Foreign things and look-alikes", heads, rows, foot)


def _identity(item: CostItem, *, why: bool = False) -> list[Cell]:
    """Kind, id, deploy, state and age of a resource; below its id the reason, if requested."""
    resource = item.verdict.resource
    deploy = resource.deploy
    release = resource.tags.get(t.RELEASE) or (deploy.short if deploy else "")
    id_ = resource.name if resource.kind == DATABASE else resource.id
    reason = f"<small>{text(item.verdict.text)}</small>" if why else ""
    of = f"{deploy.service} {release}" if deploy else resource.tags.get(t.ID, "")
    born = Cell(moment(deploy.born), deploy.born.timestamp()) if deploy else Cell("–")
    return [
        Cell(text(resource.kind)),
        Cell(f"<code>{text(id_)}</code>{reason}", style="id" if why else ""),
        Cell(text(of)),
        Cell(state_tag(item.state)),
        born,
    ]


def _size(item: CostItem) -> str:
    resource = item.verdict.resource
    size = f"{resource.size_gb:g} GB" if resource.size_gb else ""
    return " ".join(filter(None, (resource.type, size, resource.state)))


def _cost(cost: Sum, item: CostItem | None = None) -> list[Cell]:
    bound = (
        "≤ " if item is not None and is_bound(item.verdict.resource) and not cost.unknown else ""
    )
    free = item is not None and _is_free(item)
    return [
        number("" if free else bound + _hourly(cost, unit=""), cost.hourly),
        number("" if free else _money(cost), cost.so_far),
    ]


def _is_free(item: CostItem) -> bool:
    """Resources that AWS does not bill separately: an image is billed as its snapshots."""
    return not item.cost.unknown and not item.cost.hourly


def _is_unknown(cost: Sum) -> bool:
    return bool(cost.resources) and cost.unknown == cost.resources


def _hourly(cost: Sum, unit: str = "/h") -> str:
    """The known cost; a `+` means that some prices are unknown."""
    return "unknown" if _is_unknown(cost) else f"${cost.hourly:.4f}{_plus(cost.unknown)}{unit}"


def _money(cost: Sum) -> str:
    if cost.resources and cost.ageless == cost.resources:
        return "unknown"
    return f"{humanize.money(cost.so_far)}{_plus(cost.ageless)}"


def _month(cost: Sum) -> str:
    # Based on the hourly figure as shown, as in every other format.
    month = humanize.money(round(cost.hourly, 4) * MONTH)
    return "unknown" if _is_unknown(cost) else f"{month}{_plus(cost.unknown)}"


def _plus(unknown: int) -> str:
    return "+" if unknown else ""


def _small_print(report: Report) -> str:
    unknown = report.total.unknown
    more = (
        f" <p>+ and {humanize.count(unknown, 'thing')} whose price is not known.</p>"
        if unknown
        else ""
    )
    return (
        f"{more}<p>Prices of {as_of()}, on demand, US dollars; estimates. "
        "A month is 30 days, 720 h. "
        "Times are UTC. A snapshot's price is an upper bound: snapshots share what did not change. "
        "What was spent counts from the birth in the deploy's id, at the present price.</p>"
    )
