"""The audit by anything, narrowed, of a time, and with a limit of waste."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from reconciler.cli.report import is_over
from reconciler.cost import estimate
from reconciler.cost.audit import Report, report
from reconciler.cost.grouping import KEYS, groups, items_of, narrowed
from reconciler.cost.history import days
from reconciler.cost.price_list import Prices
from reconciler.model import tags as t
from reconciler.model.journal.entry import (
    FAILED,
    GONE,
    RELEASE,
    SWEEP,
    Entry,
    ResourceRecord,
)
from reconciler.model.journal.savings import unrooted_since
from reconciler.model.resource import INSTANCE
from reconciler.output.audit import data, table
from reconciler.output.audit.figures import rounded
from reconciler.output.audit.html import html
from reconciler.output.audit.view import View
from reconciler.output.plan import plan_lines, saving
from reconciler.plan.circuit_breaker import Cap
from tests.support.shop_world import ALL, CLEAN, DEAD, NOW, planned

AUDIT = report(planned(), Prices())
GARBAGE_A_DAY = Decimal("0.704")


@pytest.mark.parametrize("by", [*KEYS, "tag:deploy-part", "tag:no such"])
def test_groups_add_up_to_the_total(by: str) -> None:
    """Whatever the costs are summed up by, the sum is the same decimal."""
    found = groups(items_of(AUDIT), by)
    assert sum((group.cost.monthly for group in found), Decimal(0)) == AUDIT.total.monthly
    assert sum(group.cost.resources for group in found) == AUDIT.total.resources
    few = groups(items_of(AUDIT), by, top=1)
    assert sum((group.cost.monthly for group in few), Decimal(0)) == AUDIT.total.monthly
    assert len(few) <= 2


def test_what_is_not_known_sorts_before_the_dearest() -> None:
    """It may be dearer than everything that is known."""
    odd = [replace(one, type="x9.huge") if one.id == "i-9" else one for one in ALL]
    found = groups(items_of(report(planned(CLEAN, odd), Prices())), "release")
    assert found[0].name == "v1.4.2"
    assert found[0].cost.monthly < found[1].cost.monthly


def test_one_world_has_one_figure_in_every_view() -> None:
    """Table, JSON, CSV, markdown, HTML, sentence and the plan's saving: the same cents."""
    total = f"{rounded(AUDIT.total.monthly, 2)}"
    assert total == "63.36"
    assert f" {total} " in table.table(AUDIT).split("total", 1)[1].split("\n")[0]
    assert f"| {total} |" in table.markdown(AUDIT)
    assert f"You pay ${total} a month" in html(AUDIT)
    assert data.as_json(AUDIT)["total"]["monthly"] == float(total)
    rows = list(csv.DictReader(io.StringIO(data.as_csv(AUDIT))))
    assert sum(Decimal(row["monthly"]) for row in rows) == Decimal(total)
    by_kind = list(csv.DictReader(io.StringIO(data.as_csv(AUDIT, View("kind")))))
    assert sum(Decimal(row["monthly"]) for row in by_kind) == Decimal(total)
    wasted = f"${rounded(AUDIT.wasted.monthly, 2)}"
    assert wasted == "$21.12"
    assert wasted in saving((item.verdict.resource for item in AUDIT.waste), Prices())
    assert wasted in "\n".join(plan_lines(planned(), Cap(10, 0.5), Prices()))
    assert f"wasted now {wasted} a month" in table.table(AUDIT)


def test_what_is_left_out_stands_under_every_total() -> None:
    """For people, in markdown, in JSON and in the page."""
    assert "not counted: data transfer, CPU credits" in table.table(AUDIT)
    assert "not counted: data transfer" in table.table(AUDIT, View("state"))
    assert "not counted: data transfer" in table.markdown(AUDIT)
    assert "Not counted: data transfer" in html(AUDIT)
    assert "support" in data.as_json(AUDIT)["left_out"]


def test_a_narrower_audit() -> None:
    """Rows, orphans and sums of what has the value, and of nothing else."""
    machines = narrowed(AUDIT, {"kind": INSTANCE})
    assert machines.total.resources == 3
    assert {item.verdict.resource.kind for item in machines.orphans} == {INSTANCE}
    garbage = narrowed(AUDIT, {"state": "garbage", "service": "shop"})
    assert [row.release for row in garbage.rows] == ["v1.4.9"]
    assert narrowed(AUDIT, {"state": "none"}).total == estimate.Sum()


def test_costs_of_the_last_hour() -> None:
    """An hour of everything that is older than an hour."""
    lately = report(planned(), Prices(), timedelta(minutes=30))
    assert lately.total.monthly == AUDIT.total.monthly
    assert lately.total.so_far == AUDIT.total.monthly / 1440
    assert "in 30m" in table.table(lately)


@pytest.mark.parametrize(
    ("limit", "over"), [("0.703", True), ("0.704", False), ("0.71", False), ("0", True)]
)
def test_a_limit_of_waste_a_day(limit: str, over: bool) -> None:
    """Garbage costs $0.704 a day here; only more than the limit is too much."""
    assert AUDIT.wasted.monthly / 30 == GARBAGE_A_DAY
    assert is_over(AUDIT, Decimal(limit)) is over
    assert is_over(AUDIT, None) is False


def entries() -> tuple[Entry, ...]:
    """A failed release, whose things a sweep deleted two days later but for what is left now."""
    began = NOW - timedelta(days=3)
    ended = began + timedelta(hours=1)
    gone = ResourceRecord(INSTANCE, "i-0", GONE, str(DEAD), 0.5)
    failed = Entry(DEAD, RELEASE, "ci", began, deploy=str(DEAD), outcome=FAILED, ended=ended)
    swept = ended + timedelta(days=2)
    sweep = Entry(
        DEAD, SWEEP, "loop", swept, ended=swept, resources=(gone,), per_hour=0.5, unpriced=0
    )
    return failed, sweep


def test_since_when_garbage_is_garbage_is_told_by_the_journal() -> None:
    """Since the failed release ended; each day's waste and savings add up to the whole."""
    told = replace(AUDIT, entries=entries())
    since = NOW - timedelta(days=3) + timedelta(hours=1)
    assert unrooted_since(entries()) == {str(DEAD): since}
    assert "since it became garbage" in table.table(told)
    assert "since it became garbage" not in table.table(AUDIT)
    found = days(told)
    assert len(found) == 30
    garbage = AUDIT.wasted.monthly / 720 * 71
    assert rounded(sum(day.wasted for day in found), 6) == rounded(24 + garbage, 6)  # type: ignore[arg-type]
    assert rounded(sum(day.saved for day in found), 6) == rounded(Decimal("11.5"), 6)  # type: ignore[arg-type]
    assert days(AUDIT) == ()


def with_tag(value: str) -> Report:
    """The audit of a world in which everything has this release and this owner."""
    marked = [replace(one, tags={**one.tags, t.RELEASE: value, t.BY: value}) for one in ALL]
    return report(planned(CLEAN, marked), Prices())


@pytest.mark.parametrize("value", ["<script>alert(1)</script>", "=cmd()", "a|b", "\x1b[31m", ""])
def test_a_bad_name_stays_text(value: str) -> None:
    """In every format, summed by it as well."""
    audit, view = with_tag(value), View("owner")
    assert "<script>alert" not in html(audit, view)
    assert "\x1b" not in html(audit, view) + table.table(audit, view) + table.markdown(audit, view)
    names = [row["owner"] for row in csv.DictReader(io.StringIO(data.as_csv(audit, view)))]
    assert not any(name.startswith("=") for name in names)


def test_nothing_at_all_is_a_usable_report() -> None:
    """A world without a resource: no division by nothing, a total of nothing."""
    empty = report(planned(CLEAN, ()), Prices())
    assert "total" in table.table(empty)
    assert table.markdown(empty).startswith("You pay ")
    assert "$0.00 a month" in html(empty)
    assert data.as_json(empty, View("kind"))["groups"] == []
