"""The strays of an account as a table or as JSON. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime

from reconciler.cost import estimate
from reconciler.cost.estimate import as_of
from reconciler.cost.price_list import Prices
from reconciler.cost.rates import LEFT_OUT
from reconciler.cost.strays import Stray
from reconciler.output.audit.figures import Figures, figures_of
from reconciler.output.audit.fitted import fitted
from reconciler.output.ledger import iso
from reconciler.output.price_answers import StrayAnswer, StraysAnswer
from reconciler.util import humanize

_HEADS = ("kind", "id", "region", "name", "age", "sure", "$/month", "why")
_MONTH = 6
_OPTIONAL = (3, 2)
"""Name and region."""
_WIDTH = 80


def stray_lines(
    found: Sequence[Stray],
    now: datetime,
    prices: Prices,
    unread: Sequence[str],
    width: int | None = None,
) -> list[str]:
    """Dearest first; the total adds up. `width`: of the terminal, if it is one."""
    figures = figures_of([stray.cost for stray in found])
    rows = [
        (*_facts(stray, now), shown.cells()[0], stray.why)
        for stray, shown in zip(found, figures, strict=True)
    ]
    total = ("total", "", "", "", "", "", Figures.of(figures).cells()[0], "")
    every = [_HEADS, *rows, total]
    lines = fitted(every, (_MONTH,), _OPTIONAL, width) if rows else ["No strays."]
    foot = f"not counted: {', '.join(LEFT_OUT)}; prices of {as_of(prices)}, estimates"
    lines += textwrap.wrap(foot, _WIDTH)
    lines += [f"unread, and it may use an image above: {each}" for each in unread]
    return [*lines, "Nothing of this is ours: no sweep touches it, now or later."]


def _facts(stray: Stray, now: datetime) -> tuple[str, ...]:
    resource = stray.resource
    name = humanize.one_line(resource.tags.get("Name", ""))[:24]
    age = humanize.rough(now - stray.since) if stray.since else "unknown"
    region = resource.place.region
    return (resource.kind, resource.id, region, name, age, stray.confidence.name.lower())


def strays_json(
    found: Sequence[Stray], now: datetime, prices: Prices, unread: Sequence[str]
) -> StraysAnswer:
    """For programs: unrounded, with every tag."""
    total = estimate.add(stray.cost for stray in found)
    return {
        "now": iso(now),
        "prices": as_of(prices),
        "left_out": list(LEFT_OUT),
        "unread": list(unread),
        "strays": [_stray_json(stray) for stray in found],
        "monthly": float(total.monthly),
        "unknown_prices": total.unknown,
    }


def _stray_json(stray: Stray) -> StrayAnswer:
    resource = stray.resource
    return {
        "kind": resource.kind,
        "id": resource.id,
        "place": str(resource.place),
        "tags": dict(resource.tags),
        "why": stray.why,
        "since": iso(stray.since) if stray.since else None,
        "confidence": stray.confidence.name.lower(),
        "monthly": None if stray.cost.is_unknown else float(stray.cost.monthly),
        "unknown_prices": stray.cost.unknown,
    }
