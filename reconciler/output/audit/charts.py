"""What the page's charts show, as JSON for its script. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from reconciler.cost import estimate
from reconciler.cost.audit import Report
from reconciler.cost.estimate import Sum
from reconciler.cost.history import days
from reconciler.util import humanize

LIVES = 40
"""Maximum number of deploys in the timeline, the youngest."""
SERVICES = 25
"""Maximum number of services in a chart, the dearest; the rest is one."""


def chart_data(report: Report) -> Mapping[str, Any]:
    """Numbers only: the script draws them, the tables say them."""
    return {"services": _services(report), "days": _days(report), "lives": _lives(report)}


def _services(report: Report) -> Mapping[str, Any]:
    """Dollars a month by service and state."""
    ordered = sorted(report.services, key=lambda name: -report.services[name].monthly)
    shown = ordered if len(ordered) <= SERVICES else ordered[: SERVICES - 1]
    rest = [name for name in ordered if name not in shown]
    names = [*shown, *([f"{len(rest)} more"] if rest else [])]
    place = {name: min(n, len(names) - 1) for n, name in enumerate(ordered)}
    costs: dict[str, list[list[Sum]]] = {}
    for row in report.rows:
        columns = costs.setdefault(row.state, [[] for _ in names])
        columns[place[row.service]].append(row.cost)
    states = {state: [_dollars(each) for each in columns] for state, columns in costs.items()}
    return {"names": [humanize.one_line(name) for name in names], "states": states}


def _dollars(costs: Iterable[Sum]) -> float:
    return round(float(estimate.add(costs).monthly), 2)


def _days(report: Report) -> list[Mapping[str, Any]]:
    return [
        {
            "day": f"{day.date:%b %d}",
            "wasted": round(float(day.wasted), 4),
            "saved": round(float(day.saved), 4),
        }
        for day in days(report)
    ]


def _lives(report: Report) -> list[Mapping[str, Any]]:
    """Each deploy from its birth until now, as it stands; and each that a journal saw end."""
    found: dict[str, Mapping[str, Any]] = {}
    if report.now is None:
        return []
    for row in report.rows:
        name = f"{row.service} {humanize.one_line(row.release) or row.deploy.short}"
        found[str(row.deploy)] = _life(name, row.state, row.deploy.born, report.now)
    for entry in report.entries:
        if entry.kind == "release" and entry.deploy and entry.deploy not in found:
            service = entry.id.service
            name = f"{service} {humanize.one_line(entry.release) or entry.id.short}"
            end = report.garbage_since.get(entry.deploy, entry.ended or report.now)
            state = entry.outcome if entry.deploy not in report.garbage_since else "ended"
            if entry.outcome == "failed":
                state = "failed"
            found[entry.deploy] = _life(name, state, entry.began, end)
    lives = sorted(found.values(), key=lambda life: -life["from"])
    return lives[:LIVES]


def _life(name: str, state: str, begin: datetime, end: datetime) -> Mapping[str, Any]:
    """In milliseconds, as scripts count time."""
    return {
        "name": name,
        "state": state,
        "from": round(begin.timestamp() * 1000),
        "to": round(end.timestamp() * 1000),
    }
