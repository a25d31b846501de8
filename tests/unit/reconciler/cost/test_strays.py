"""Which things of others look left behind, and which do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from reconciler.cost.price_list import Prices
from reconciler.cost.rates import LOAD_BALANCER
from reconciler.cost.strays import Account, Confidence, Stray, strays
from reconciler.model import tags as t
from reconciler.model.resource import (
    ADDRESS,
    IMAGE,
    INSTANCE,
    SNAPSHOT,
    TARGET_GROUP,
    VOLUME,
    BillingTerms,
    Resource,
)
from reconciler.model.tags import AccountRegion
from reconciler.output.audit.figures import rounded
from reconciler.output.audit.strays import stray_lines, strays_json

HERE = AccountRegion("123456789012", "us-east-1")
NOW = datetime(2026, 11, 23, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=120)
STOPPED = BillingTerms(stopped=NOW - timedelta(days=30))
DISK = Resource(VOLUME, "vol-1", HERE, state="in-use", type="gp3", size_gb=100, created=LONG_AGO)
LOOSE = replace(DISK, id="vol-2", state="available")
MACHINE = Resource(
    INSTANCE,
    "i-1",
    HERE,
    state="stopped",
    type="t3.small",
    source="ami-used",
    created=LONG_AGO,
    uses=("vol-1",),
    billing=STOPPED,
)
SNAP = Resource(SNAPSHOT, "snap-1", HERE, size_gb=8, created=LONG_AGO, source="vol-gone")
OLD_IMAGE = Resource(IMAGE, "ami-old", HERE, created=LONG_AGO, uses=("snap-2",))
OF_IMAGE = replace(SNAP, id="snap-2")
IDLE = Resource(ADDRESS, "eipalloc-1", HERE, public_ips=1)


def found(*resources: Resource, used: frozenset[str] = frozenset(), old: int = 14) -> list[Stray]:
    """The strays of a region that holds these."""
    return strays(Account(resources, used), NOW, Prices(), timedelta(days=old))


def test_each_kind_with_its_cost() -> None:
    """A stopped machine pays for its volumes, an image for its snapshots; dearest first."""
    rows = found(MACHINE, DISK, LOOSE, SNAP, OLD_IMAGE, OF_IMAGE, IDLE)
    assert [(row.resource.id, rounded(row.cost.monthly, 2)) for row in rows] == [
        ("i-1", Decimal("8.00")),
        ("vol-2", Decimal("8.00")),
        ("eipalloc-1", Decimal("3.60")),
        ("ami-old", Decimal("0.40")),
        ("snap-1", Decimal("0.40")),
    ]
    assert [row.confidence for row in rows] == [
        Confidence.MEDIUM,
        Confidence.HIGH,
        Confidence.HIGH,
        Confidence.MEDIUM,
        Confidence.MEDIUM,
    ]


@pytest.mark.parametrize(
    "resource",
    [
        replace(MACHINE, state="running"),
        replace(LOOSE, tags={t.ID: "shop/20261123T024402Z-x9f4c"}),
        replace(LOOSE, created=NOW - timedelta(days=3)),
        replace(MACHINE, billing=BillingTerms(stopped=NOW - timedelta(days=3))),
        replace(SNAP, tags={"aws:backup:source-resource": "vol-1"}),
        replace(OLD_IMAGE, protected=True),
        Resource(LOAD_BALANCER, "web", HERE, created=LONG_AGO, used_by=("arn",)),
        replace(IDLE, public_ips=0),
        DISK,
    ],
)
def test_what_is_no_stray(resource: Resource) -> None:
    """Ours, young, in use, protected, or kept by AWS Backup."""
    assert found(resource) == []


@pytest.mark.parametrize("used", [frozenset({"ami-old"}), frozenset()])
def test_an_image_that_something_uses_stays_out(used: frozenset[str]) -> None:
    """A template, a file, or a machine that was launched from it."""
    machine = replace(MACHINE, state="running", source="ami-old")
    rows = found(OLD_IMAGE, *(() if used else (machine,)), used=used)
    assert rows == []


@pytest.mark.parametrize("resource", [MACHINE, LOOSE, SNAP, IDLE, OLD_IMAGE])
def test_what_a_file_names_stays_out(resource: Resource) -> None:
    """Whatever kind it is: somebody means to use it. Only that, though."""
    assert found(resource) != []
    assert found(resource, used=frozenset({resource.id})) == []
    assert found(resource, used=frozenset({"ami-0000000000000000f"})) != []


def test_what_could_not_be_read_makes_images_doubtful() -> None:
    """Unknown is not unused: the row stays, with the lowest confidence, and the foot says why."""
    account = Account((OLD_IMAGE,), unread=("launch templates: not allowed",))
    [row] = strays(account, NOW, Prices())
    assert row.confidence is Confidence.LOW
    assert "unread" in "\n".join(stray_lines([row], NOW, Prices(), account.unread))


def test_empty_balancers_and_groups() -> None:
    """A balancer's price is not known here: it comes first, and is said to be unknown."""
    balancer = Resource(LOAD_BALANCER, "web", HERE, type="odd", created=LONG_AGO)
    group = Resource(TARGET_GROUP, "old", HERE, created=LONG_AGO)
    rows = found(balancer, group, LOOSE)
    assert [row.resource.id for row in rows] == ["web", "vol-2", "old"]
    assert rows[0].cost.is_unknown
    (usual,) = found(replace(balancer, type="application", public_ips=2))
    assert usual.cost.monthly == 720 * (Decimal("0.0225") + 2 * Decimal("0.005"))


def test_the_table_and_the_json_have_the_same_sum() -> None:
    """To the cent; names stay on one line."""
    evil = replace(LOOSE, tags={"Name": "\x1b[31mx\ny"})
    rows = found(MACHINE, DISK, evil, SNAP)
    text = "\n".join(stray_lines(rows, NOW, Prices(), ()))
    assert "\x1b" not in text
    monthly = strays_json(rows, NOW, Prices(), ())["monthly"]
    assert Decimal(str(monthly)) == Decimal("16.4")
    assert "16.40" in next(line for line in text.splitlines() if line.startswith("total"))
    assert stray_lines([], NOW, Prices(), ())[0] == "No strays."
