"""Money: what is known, what is not, and that the figures add up."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from reconciler.cost import estimate
from reconciler.cost.audit import report
from reconciler.cost.price_list import Prices
from reconciler.model.resource import (
    ADDRESS,
    DATABASE,
    GROUP,
    IMAGE,
    INSTANCE,
    INTERFACE,
    KEY_PAIR,
    RDS_INSTANCE,
    RDS_SNAPSHOT,
    SNAPSHOT,
    TEMPLATE,
    VOLUME,
    Resource,
)
from reconciler.model.tags import AccountRegion
from reconciler.output.audit import data
from reconciler.output.audit import table as render
from tests.support.shop_world import ALL, CLEAN, DEAD, LIVE, NOW, PLACE, planned

SERVER = Resource(RDS_INSTANCE, "db:x", PLACE, state="available", type="db.t3.micro", size_gb=720)
MACHINE = Resource(INSTANCE, "i-1", PLACE, state="running", type="t3.small")


@pytest.mark.parametrize(
    ("resource", "dollars"),
    [
        (MACHINE, 0.0228),
        (replace(MACHINE, public_ips=2), 0.0328),
        (replace(MACHINE, state="stopped"), 0.0),
        (replace(MACHINE, state="stopped", public_ips=1), 0.005),
        (replace(MACHINE, place=AccountRegion("1", "us-east-1")), 0.0208),
        (replace(MACHINE, type="x99.huge"), None),
        (replace(MACHINE, place=AccountRegion("1", "mars-1")), None),
        (Resource(VOLUME, "v", PLACE, type="gp3", size_gb=720), 0.088),
        (Resource(VOLUME, "v", PLACE, type="gp3"), None),
        (Resource(VOLUME, "v", PLACE, type="io9", size_gb=8), None),
        (Resource(SNAPSHOT, "s", PLACE, size_gb=720), 0.05),
        (Resource(IMAGE, "a", PLACE, size_gb=8), 0.0),
        (Resource(DATABASE, "d", PLACE), 0.0),
        (Resource(INTERFACE, "e", PLACE, public_ips=1), 0.005),
        (Resource(ADDRESS, "e", PLACE, public_ips=1), 0.005),
        (Resource(ADDRESS, "e", PLACE), 0.0),
        (Resource(KEY_PAIR, "k", PLACE), 0.0),
        (Resource(GROUP, "g", PLACE), 0.0),
        (Resource(TEMPLATE, "t", PLACE), 0.0),
        (Resource(RDS_SNAPSHOT, "s", PLACE, size_gb=720), 0.095),
        (replace(SERVER, place=AccountRegion("1", "us-east-1")), 0.133),
        (replace(SERVER, place=AccountRegion("1", "us-east-1"), public_ips=1), 0.138),
        (SERVER, None),
        (replace(SERVER, state="stopped"), 0.127),
        (replace(SERVER, place=AccountRegion("1", "us-east-1"), type="db.x9.big mysql"), None),
        (Resource("nat-gateway", "n", PLACE), None),
    ],
)
def test_prices(resource: Resource, dollars: float | None) -> None:
    """What AWS bills for, by kind and state; what the table does not know is not free."""
    assert estimate.as_number(estimate.hourly(resource, Prices())) == dollars


def test_prices_in_words() -> None:
    """Unknown is a word, an upper bound says so, what is free is not spoken of."""
    assert estimate.price(MACHINE, Prices()) == "$0.0228/h"
    assert estimate.price(replace(MACHINE, type="x99.huge"), Prices()) == "unknown"
    assert estimate.price(Resource(SNAPSHOT, "s", PLACE, size_gb=8), Prices()) == "≤ $0.0006/h"
    assert estimate.price(Resource(DATABASE, "d", PLACE), Prices()) == ""


def test_so_far_counts_from_the_id() -> None:
    """Age comes from the deploy-id; a clock behind it costs nothing, never less."""
    mine = next(one for one in ALL if one.id == "i-17")
    now = LIVE.born + timedelta(hours=10)
    assert estimate.so_far(mine, now, Prices()) == Decimal("0.278")
    assert estimate.so_far(mine, LIVE.born - timedelta(hours=1), Prices()) == 0
    assert estimate.so_far(MACHINE, NOW, Prices()) is None


def test_the_table_adds_up() -> None:
    """The figures above the total sum to it, as shown; so do the wasted ones."""
    lines = render.table(report(planned(), Prices())).splitlines()
    head, *rows = [line.split() for line in lines[: lines.index("")]]
    assert head[0] == "service"
    *shown, total = rows
    assert f"{sum(float(row[-2]) for row in shown):.4f}" == total[-2]
    assert f"{sum(float(row[-1]) for row in shown):.2f}" == total[-1]
    garbage = next(row for row in shown if "garbage" in row)
    assert garbage[-3] == "21.12"
    assert "wasted now $21.12 a month ($0.0293/h), the oldest since 02:44" in lines


def test_every_deploy_has_a_row() -> None:
    """Newest first, each with its state, its machines and what else it holds."""
    rows = report(planned(), Prices()).rows
    assert [(one.release, one.state) for one in rows] == [
        ("v1.4.9", "garbage"),
        ("v1.5.0", "live"),
        ("v1.4.2", "previous"),
    ]
    assert dict(rows[0].machines) == {"running": 1}
    assert dict(rows[0].other)[VOLUME] == 1


def test_a_rejected_release_is_called_so() -> None:
    """One that was rolled back from is not merely previous."""
    (old,) = CLEAN.previous
    ledger = replace(CLEAN, previous=(replace(old, rejected=True),))
    assert report(planned(ledger), Prices()).rows[-1].state == "rejected"


def test_orphans_stand_apart() -> None:
    """Garbage, and what only a hold keeps; nothing that is rooted."""
    held = [
        replace(one, tags={**one.tags, "deploy-hold": "evidence"}) if one.id == "ami-41" else one
        for one in ALL
    ]
    seen = report(planned(CLEAN, held), Prices())
    assert {one.verdict.resource.deploy for one in seen.orphans} == {DEAD}
    assert any(one.verdict.reason.value == "held" for one in seen.orphans)
    assert "kept: held" in render.table(seen)


def test_an_unknown_price_is_seen_in_every_form() -> None:
    """A sum with something unknown in it says that it is a least."""
    odd = [replace(one, type="x99.huge") if one.kind == INSTANCE else one for one in ALL]
    seen = report(planned(CLEAN, odd), Prices())
    assert "unknown (≥ 4.70)  ≥ 0.0065" in render.table(seen)
    assert "wasted now at least $4.70 a month ($0.0065/h)" in render.table(seen)
    assert "unknown: the price of 3 resources, or a part of it" in render.table(seen)
    assert data.as_json(seen)["total"]["unknown_prices"] == 3
    assert next(csv.DictReader(io.StringIO(data.as_csv(seen))))["unknown_prices"] == "1"


def test_an_unknown_service_is_named() -> None:
    """No figures without saying whose could not be known."""
    text = render.table(report(planned(problem="the zone could not be read"), Prices()))
    assert "shop is unknown: the zone could not be read" in text


def test_csv_is_inert() -> None:
    """A release called like a formula is text in a spreadsheet."""
    evil = [replace(ALL[0], tags={**ALL[0].tags, "deploy-release": "=cmd()"})]
    (row,) = csv.DictReader(io.StringIO(data.as_csv(report(planned(CLEAN, evil), Prices()))))
    assert row["release"] == "'=cmd()"


def test_markdown_is_a_table() -> None:
    """Every line has the columns of the head, whatever the texts hold."""
    evil = [replace(ALL[0], tags={**ALL[0].tags, "deploy-release": "a|b"})]
    text = render.markdown(report(planned(CLEAN, evil), Prices()))
    rows = [one for one in text.splitlines() if one.startswith("|")]
    assert {one.replace("\\|", "").count("|") for one in rows} == {10}


def test_json_is_unrounded() -> None:
    """Programs get the figures as they are, and every deploy by its whole id."""
    value = json.loads(json.dumps(data.as_json(report(planned(), Prices()))))
    assert value["deploys"][0]["deploy"] == str(DEAD)
    assert value["total"]["hourly"] == pytest.approx(sum(one["hourly"] for one in value["deploys"]))
    assert value["now"] == "2026-11-23T03:29:52Z"
