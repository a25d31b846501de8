"""The cost audit as an HTML page: sums first, then orphans, then all resources.

The layout is `templates/report.html`; here is what it shows. Without scripts the page shows the
same, but cannot sort. Tags are untrusted text: jinja2 escapes every value, `_clean` removes the
control characters.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from jinja2 import Environment, PackageLoader, StrictUndefined

from reconciler.cost.audit import GARBAGE, CostItem, Report
from reconciler.cost.estimate import MONTH, Sum, as_of, as_shown, is_bound
from reconciler.model import tags as t
from reconciler.model.resource import DATABASE, Resource
from reconciler.output.ledger import iso
from reconciler.output.let_go import let_go_lines
from reconciler.util import humanize

MOST = 5000
"""Maximum number of listed resources, the most expensive first; a browser must hold them."""


def html(report: Report) -> str:
    """The whole page, self-contained: its policy allows only its own style and script."""
    environment = _environment()
    items = [item for row in report.rows for item in row.items]
    return environment.get_template("report.html").render(
        report=report,
        scope=_scope(report),
        total=as_shown(row.cost for row in report.rows),
        garbage=report.states.get(GARBAGE, Sum()),
        shares=_shares(report),
        let_go=let_go_lines((item.verdict for item in report.let_go), report.prices),
        items=sorted(items, key=lambda item: -item.cost.hourly),
        most=MOST,
        as_of=as_of(report.prices),
        style=_file(environment, "report.css"),
        script=_file(environment, "report.js"),
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reconciler.output"),
        autoescape=True,
        finalize=_clean,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _FILTERS
    return environment


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


def _shares(report: Report) -> Sequence[tuple[str, Sum, float, float]]:
    """Every state with its cost, its start and its width in a bar of 100."""
    states = sorted(report.states.items(), key=lambda state: -state[1].hourly)
    whole = sum(cost.hourly for _, cost in states)
    widths = [100 * cost.hourly / whole for _, cost in states] if whole else []
    starts = accumulate(widths, initial=0.0)
    bars = zip(states, starts, widths, strict=False)  # the last start is the end
    return [(state, cost, start, width) for (state, cost), start, width in bars]


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
    size = f"{resource.size_gb:g} GB" if resource.size_gb else ""
    return " ".join(filter(None, (resource.type, size, resource.state)))


def _bound_hourly(item: CostItem) -> str:
    """The cost of a resource, marked if it is only an upper bound."""
    known_bound = is_bound(item.verdict.resource) and not item.cost.unknown
    return f"{'≤ ' if known_bound else ''}{_hourly(item.cost)}"


def _hourly(cost: Sum, unit: str = "") -> str:
    """The known cost; a `+` means that some prices are unknown."""
    return "unknown" if cost.is_unknown else f"${cost.hourly:.4f}{_plus(cost.unknown)}{unit}"


def _money(cost: Sum) -> str:
    return "unknown" if cost.is_ageless else f"{humanize.money(cost.so_far)}{_plus(cost.ageless)}"


def _month(cost: Sum) -> str:
    # Based on the hourly figure as shown, as in every other format.
    month = humanize.money(round(cost.hourly, 4) * MONTH)
    return "unknown" if cost.is_unknown else f"{month}{_plus(cost.unknown)}"


def _plus(unknown: int) -> str:
    return "+" if unknown else ""


_FILTERS: Mapping[str, Callable[..., str]] = {
    "bound_hourly": _bound_hourly,
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
