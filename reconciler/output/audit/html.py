"""The cost audit as an HTML page: a sentence, charts, what is left behind, then every resource.

The layout is `templates/report.html`; here is what it shows. Without scripts the page shows the
same figures, but no charts, and cannot sort. Tags are untrusted text: jinja2 escapes every value,
`_clean` removes the control characters.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from reconciler.cost.audit import GARBAGE, CostItem, Report
from reconciler.cost.estimate import Sum, as_of, is_bound
from reconciler.cost.grouping import dearest
from reconciler.cost.rates import LEFT_OUT
from reconciler.model import tags as t
from reconciler.model.resource import DATABASE, Resource
from reconciler.output.audit.charts import chart_data
from reconciler.output.audit.figures import Figures, beside, figures_of, first_sentence
from reconciler.output.audit.view import ALL, View
from reconciler.output.ledger import iso
from reconciler.output.let_go import let_go_lines
from reconciler.util import humanize

_MB_OF_GB = 1024

MOST = 300
"""Maximum number of rows of a table, the most expensive first; a browser must hold them."""


MANY = 50
"""Rows from which on a table is laid out only when it is scrolled to."""


def html(report: Report, view: View = ALL) -> str:
    """The whole page, self-contained: its policy allows only its own style and scripts."""
    environment = _environment()
    items = [item for row in report.rows for item in row.items]
    rows = _shown(report.rows)
    return environment.get_template("report.html").render(
        report=report,
        sentence=first_sentence(report),
        scope=_scope(report),
        rows=rows[:MOST],
        more_rows=len(rows) - MOST,
        rest=Figures.of(shown for _, shown in rows[MOST:]),
        total=Figures.of(shown for _, shown in rows),
        by=view.by,
        groups=_shown(view.groups(report)) if view.by else (),
        garbage=report.states.get(GARBAGE, Sum()),
        let_go=let_go_lines((item.verdict for item in report.let_go), report.prices),
        items=_by_cost(items),
        orphans=_by_cost(report.orphans),
        foreign=_shown(_by_cost(report.foreign)),
        shares=_shown(report.shares),
        most=MOST,
        many=MANY,
        as_of=as_of(report.prices),
        left_out=", ".join(LEFT_OUT),
        beside=beside(report),
        charts=chart_data(report),
        style=_file(environment, "report.css"),
        library=_file(environment, "chart.umd.min.js"),
        script=_file(environment, "report.js"),
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reconciler.output.audit"),
        autoescape=True,
        finalize=_clean,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _FILTERS
    return environment


def _by_cost(items: Sequence[CostItem]) -> list[CostItem]:
    """The dearest first."""
    return sorted(items, key=lambda item: dearest(item.cost))


def _shown(rows: Sequence[Any]) -> list[tuple[Any, Figures]]:
    """Each row with its figures, which add up to their total."""
    return list(zip(rows, figures_of([row.cost for row in rows]), strict=True))


def _clean(value: object) -> object:
    """Untrusted text on one line, without control characters; HTML of the templates as it is."""
    is_text = isinstance(value, str) and not hasattr(value, "__html__")
    return humanize.one_line(str(value)) if is_text else value


def _file(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _scope(report: Report) -> str:
    when = f"as of {iso(report.now)}" if report.now else "at an unknown time"
    places = {str(item.verdict.resource.place) for row in report.rows for item in row.items}
    return " · ".join([when, humanize.count(len(report.services), "service"), *sorted(places)])


def _style(state: str) -> str:
    """The CSS class of a state's colour."""
    return f"s-{re.sub('[^a-z]+', '-', state.lower())}"


def _name(resource: Resource) -> str:
    return resource.name if resource.kind == DATABASE else resource.id


def _owner(resource: Resource) -> str:
    """The service and release of a resource; its tag, if that is no deploy-id."""
    deploy = resource.deploy
    if deploy is None:
        return resource.tags.get(t.ID, "")
    return f"{deploy.service} {resource.tags.get(t.RELEASE) or deploy.short}"


def _size(resource: Resource) -> str:
    """Its type, its size and its state: `gp3, 8 GB, in-use`; `7.5 MB, open`."""
    size = f"{resource.size_gb:g} GB" if resource.size_gb >= 1 else ""
    if 0 < resource.size_gb < 1:
        size = f"{resource.size_gb * _MB_OF_GB:.1f} MB"
    return ", ".join(filter(None, (resource.type, size, resource.state)))


def _bound(item: CostItem) -> str:
    """The mark of a figure that is only an upper bound."""
    return "≤ " if is_bound(item.verdict.resource) and not item.cost.unknown else ""


def _hourly(cost: Sum, unit: str = "") -> str:
    """The known cost; marked if some prices are unknown."""
    least = "≥ " if cost.unknown else ""
    return "unknown" if cost.is_unknown else f"{least}${humanize.rounded(cost.hourly, 4)}{unit}"


def _money(cost: Sum) -> str:
    least = "≥ " if cost.ageless else ""
    return "unknown" if cost.is_ageless else f"{least}{humanize.money(cost.so_far)}"


def _month(cost: Sum) -> str:
    if cost.is_unknown:
        return "unknown"
    known = humanize.money(cost.monthly)
    return f"unknown (at least {known})" if cost.unknown else known


_FILTERS: Mapping[str, Callable[..., str]] = {
    "bound": _bound,
    "counted": humanize.count,
    "digest": _digest,
    "hourly": _hourly,
    "moment": "{:%Y-%m-%d %H:%M}".format,
    "money": _money,
    "month": _month,
    "name": _name,
    "owner": _owner,
    "size": _size,
    "sort_value": "{:.10g}".format,
    "style": _style,
}
