"""The cost audit for programs and spreadsheets: unrounded figures, and every reason. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from reconciler.cost.audit import AuditRow, CostItem, Report
from reconciler.cost.estimate import Sum, as_of
from reconciler.cost.price_list import Prices
from reconciler.cost.rates import LEFT_OUT
from reconciler.cost.shares import DatabaseShare
from reconciler.model.journal.savings import Savings
from reconciler.model.resource import service_of
from reconciler.output.answers import (
    CostAnswer,
    CostedAnswer,
    DatabaseShareAnswer,
    ReportAnswer,
    ReportRowAnswer,
    SavedAnswer,
)
from reconciler.output.audit.figures import first_sentence
from reconciler.output.audit.view import ALL, View
from reconciler.output.coverage import scope_json
from reconciler.output.ledger import iso
from reconciler.output.plan import verdict_json
from reconciler.util import humanize

_FIGURES = ("monthly", "hourly", "so_far", "unknown_prices", "unknown_so_far")


def as_json(report: Report, view: View = ALL) -> ReportAnswer:
    """For programs: unrounded figures, and every orphan with its reason."""
    return {
        "now": iso(report.now) if report.now else None,
        "sentence": first_sentence(report),
        "back": report.back.total_seconds() if report.back is not None else None,
        "left_out": list(LEFT_OUT),
        "prices": as_of(report.prices),
        "deploys": [_row_json(row, report.prices) for row in report.rows],
        "groups": [
            {"by": view.by, "name": group.name, **_sum_json(group.cost)}
            for group in (view.groups(report) if view.by else ())
        ],
        "orphans": [_item_json(item, report.prices) for item in report.orphans],
        "let_go": [_item_json(item, report.prices) for item in report.let_go],
        "foreign": [_item_json(item, report.prices) for item in report.foreign],
        "shared": _sum_json(report.shared),
        "database_shares": [_share_json(share) for share in report.shares],
        "services": {name: _sum_json(cost) for name, cost in report.services.items()},
        "states": {name: _sum_json(cost) for name, cost in report.states.items()},
        "total": _sum_json(report.total),
        "kept_for_rollback": _sum_json(report.kept_for_rollback),
        "spent_as_garbage": (_sum_json(report.spent_as_garbage) if report.garbage_since else None),
        "saved": _saved_json(report.saved) if report.saved else None,
        "wasted": {
            **_sum_json(report.wasted),
            "since": iso(report.wasted_since) if report.wasted_since else None,
            "month": float(report.wasted.monthly),
        },
        "unknown": dict(report.unknown),
        "gaps": list(report.gaps),
        **scope_json(report.reads, report.strangers),
    }


def _share_json(share: DatabaseShare) -> DatabaseShareAnswer:
    return {
        "service": service_of(share.database),
        "deploy": str(share.database.deploy or ""),
        "database": share.database.name,
        "server": share.server.id,
        "part": None if share.part is None else float(share.part),
        "monthly": None if share.cost.is_unknown else float(share.cost.monthly),
        "unknown_prices": share.cost.unknown,
    }


def _saved_json(saved: Savings) -> SavedAnswer:
    return {
        "days": saved.days,
        "deletions": saved.deletions,
        "dollars": float(saved.dollars),
        "per_hour": float(saved.per_hour),
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
        "monthly": None if cost.is_unknown else float(cost.monthly),
        "hourly": None if cost.is_unknown else float(cost.hourly),
        "so_far": None if cost.is_ageless else float(cost.so_far),
        "things": cost.resources,
        "unknown_prices": cost.unknown,
        "unknown_so_far": cost.ageless,
    }


def as_csv(report: Report, view: View = ALL) -> str:
    """For spreadsheets: one deploy or group a line, no total, full times, unrounded figures."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows(_of_groups(report, view) if view.by else _of_deploys(report))
    return out.getvalue()


def _of_groups(report: Report, view: View) -> Iterator[Sequence[object]]:
    yield inert(view.by), "resources", *_FIGURES
    for group in view.groups(report):
        name = inert(humanize.one_line(group.name))
        yield name, group.cost.resources, *_figures(group.cost)


def _of_deploys(report: Report) -> Iterator[Sequence[object]]:
    heads = ("service", "deploy", "release", "state", "since", "machines", "other")
    yield *heads, *_FIGURES
    for row in report.rows:
        machines, others = sum(row.machines.values()), sum(row.other.values())
        release = inert(humanize.one_line(row.release))
        words = (row.service, str(row.deploy), release, row.state)
        yield *words, iso(row.since), machines, others, *_figures(row.cost)


def _figures(cost: Sum) -> tuple[str | int, ...]:
    sums = (cost.monthly, cost.hourly, cost.so_far)
    return (*(f"{amount:.6f}" for amount in sums), cost.unknown, cost.ageless)


def inert(text: str) -> str:
    """Escape untrusted text, so that a spreadsheet does not read a tag as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
