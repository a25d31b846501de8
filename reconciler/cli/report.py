"""`reconciler report`: what every deploy holds and costs, in five formats and by anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.main import CODES, connected
from reconciler.cli.shared import (
    DURATION,
    SERVICES,
    CliContext,
    common,
    epilog,
    pass_asked,
)
from reconciler.cost.grouping import KEYS, TAG, narrowed
from reconciler.exit_codes import Exit
from reconciler.output.audit.view import View
from reconciler.util.line_writer import terminal_width

if TYPE_CHECKING:
    from reconciler.cost.audit import Report
    from reconciler.model.resource import Resource
    from reconciler.model.tags import AccountRegion
    from reconciler.wiring.edges import Edges

_RDS = ".rds.amazonaws.com"
_FORMATS = ("table", "json", "csv", "markdown", "html")


class _By(click.ParamType[str]):
    """A key of the grouping: service, deploy, …, or tag:KEY."""

    name = "key"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in KEYS or (value.startswith(TAG) and value != TAG):
            return str(value)
        return self.fail(f"{value!r} is none of {', '.join(KEYS)}, {TAG}KEY", param, ctx)


class _Only(click.ParamType[tuple[str, str]]):
    """KEY=VALUE."""

    name = "key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        key, equals, wanted = str(value).partition("=")
        if not equals:
            self.fail(f"{value!r} is not KEY=VALUE, e.g. state=garbage", param, ctx)
        return _By().convert(key, param, ctx), wanted


class _Dollars(click.ParamType[Decimal]):
    """An amount of dollars that is not negative."""

    name = "dollars"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        try:
            amount = Decimal(str(value).removeprefix("$"))
        except InvalidOperation:
            self.fail(f"{value!r} is not an amount of dollars, e.g. 5.00", param, ctx)
        if not amount.is_finite() or amount < 0:
            self.fail(f"{value!r} is not an amount of dollars, e.g. 5.00", param, ctx)
        return amount


@dataclass(frozen=True)
class Wanted:
    """What of the audit is wanted, and from which waste a day on it is a failure."""

    view: View
    only: Mapping[str, str]
    back: timedelta | None = None
    limit: Decimal | None = None


@click.command(
    epilog=epilog(
        """reconciler report
        reconciler report --by service --top 10
        reconciler report --only state=garbage --fail-over 5.00
        reconciler report --format markdown --since 7d
        reconciler report --format html > costs.html""",
        (*CODES, Exit.TO_DO),
    )
)
@SERVICES
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="table", help="Output format."
)
@click.option("--by", type=_By(), help=f"Sum up by {', '.join(KEYS)} or {TAG}KEY; dearest first.")
@click.option("--only", type=_Only(), multiple=True, help="Only what has this value. Repeatable.")
@click.option("--since", "back", type=DURATION, help="Count what was spent since then, e.g. 7d.")
@click.option("--top", type=click.IntRange(min=1), help="Only the N dearest rows, the rest as one.")
@click.option(
    "--fail-over", "limit", type=_Dollars(), help="Exit 10 if garbage costs more than this a day."
)
@common
@pass_asked
def report(
    asked: CliContext,
    services: tuple[str, ...],
    *,
    form: str,
    by: str | None,
    only: tuple[tuple[str, str], ...],
    back: timedelta | None,
    top: int | None,
    limit: Decimal | None,
) -> int:
    """Say what every deploy holds and costs, in dollars a month of 30 days.

    A price that is not known, or a part of one, is said to be unknown and never counts as less.
    """
    view = View(by or ("deploy" if top else ""), top)
    wanted = Wanted(view, dict(only), back, limit)
    audited = _audited(asked, services, wanted)
    _say(asked, audited, form, view)
    if audited.unknown or audited.gaps:
        return Exit.DIRT
    return Exit.TO_DO if is_over(audited, limit) else Exit.DONE


def _audited(asked: CliContext, services: tuple[str, ...], wanted: Wanted) -> Report:
    from reconciler.cost import price_cache
    from reconciler.cost.audit import report as audit
    from reconciler.cost.foreign import known_now
    from reconciler.sweep.attached_volumes import attached_volumes
    from reconciler.sweep.runner import make_plan
    from reconciler.util.gc_tuning import share_heaps
    from reconciler.wiring.fleet_builder import build_fleet
    from reconciler.wiring.journal_store import told_by_journals

    share_heaps()
    settings, edges = connected(asked)
    fleet = build_fleet(settings, services, edges)
    plan = make_plan(fleet)
    volumes = attached_volumes(plan, fleet.inventories)
    now = known_now(plan)
    saved, entries = told_by_journals(settings, edges, services, now) if now else (None, ())
    audited = audit(plan, price_cache.load(), wanted.back, volumes, entries)
    audited = replace(audited, saved=saved)
    return with_shares(narrowed(audited, wanted.only), edges)


def with_shares(audited: Report, edges: Edges) -> Report:
    """With what databases take of RDS servers that no release has made."""
    from reconciler.aws.client.query import Reads
    from reconciler.aws.kinds.rds_instance import by_endpoint
    from reconciler.cost.grouping import items_of
    from reconciler.cost.shares import shares_of
    from reconciler.errors import AccessDenied, CloudError
    from reconciler.model.resource import DATABASE

    resources = [item.verdict.resource for item in items_of(audited)]
    databases = [one for one in resources if one.kind == DATABASE and _RDS in one.billing.server]
    servers: dict[tuple[AccountRegion, str], Resource] = {}
    unread: list[str] = []
    for place in dict.fromkeys(one.place for one in databases):
        try:
            found = by_endpoint(Reads(edges.aws(place)))
        except (AccessDenied, CloudError) as error:
            unread.append(f"database servers of {place}: {error.message}")
        else:
            servers |= {(place, endpoint): server for endpoint, server in found.items()}
    shares = shares_of(databases, servers, audited.prices)
    return replace(audited, shares=shares, gaps=(*audited.gaps, *unread))


def _say(asked: CliContext, audited: Report, form: str, view: View) -> None:
    from reconciler.output.audit import data, table

    texts: Mapping[str, Callable[[Report, View], str]] = {
        "table": partial(table.table, verbose=asked.verbose, width=terminal_width()),
        "csv": data.as_csv,
        "markdown": table.markdown,
        "html": _html,
    }
    asked.as_json = asked.as_json or form == "json"
    answer = data.as_json(audited, view)
    asked.answer("reconciler.report/1", answer, lambda: texts[form](audited, view))


def _html(audited: Report, view: View) -> str:
    from reconciler.output.audit.html import html

    return html(audited, view)


def is_over(audited: Report, limit: Decimal | None) -> bool:
    """Whether garbage costs more a day than the limit; a month has 30 days."""
    return limit is not None and audited.wasted.monthly / 30 > limit
