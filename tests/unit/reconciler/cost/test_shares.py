"""What databases take of a server that no release has made."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from reconciler.cost.audit import Report, report
from reconciler.cost.price_list import Prices
from reconciler.cost.shares import shares_of
from reconciler.model import tags as t
from reconciler.model.resource import DATABASE, RDS_INSTANCE, BillingTerms, Resource
from reconciler.model.tags import AccountRegion
from reconciler.output.audit import data, table
from reconciler.output.audit.figures import rounded
from reconciler.output.audit.html import html
from reconciler.output.audit.view import View
from tests.support.shop_world import DEAD, planned

HERE = AccountRegion("123456789012", "us-east-1")
AT = "prod.abc.us-east-1.rds.amazonaws.com:5432"
SERVER = Resource(RDS_INSTANCE, "db:prod", HERE, state="available", type="db.t3.micro", size_gb=20)
DATA = Resource(
    DATABASE,
    "shop_1",
    HERE,
    {t.ID: str(DEAD)},
    name="shop_1",
    size_gb=1.5,
    billing=BillingTerms(server=AT, server_gb=6.0),
)
MONTH = Decimal("15.26")
"""720 × $0.018 + 20 × $0.115."""


def test_a_quarter_of_the_databases_takes_a_quarter_of_the_price() -> None:
    """By size, exactly; the rest is other databases'."""
    (share,) = shares_of([DATA, SERVER], {(HERE, AT): SERVER}, Prices())
    assert (share.percent, share.cost.monthly) == ("25.0 %", MONTH / 4)


@pytest.mark.parametrize(
    "server",
    [replace(SERVER, place=AccountRegion("1", "us-east-1")), replace(SERVER, tags=DATA.tags)],
)
def test_what_is_no_share(server: Resource) -> None:
    """Of another account's server, or of a release's own, which is in the sums as a whole."""
    assert shares_of([DATA], {(server.place, AT): server}, Prices()) == ()


@pytest.mark.parametrize(
    ("database", "server", "percent", "monthly"),
    [
        (replace(DATA, billing=BillingTerms(server=AT)), SERVER, "unknown", Decimal(0)),
        (DATA, replace(SERVER, type="db.x9.big"), "25.0 %", Decimal("2.3") / 4),
    ],
)
def test_what_is_not_known_of_a_share(
    database: Resource, server: Resource, percent: str, monthly: Decimal
) -> None:
    """The size of another database, or a part of the price: a lower bound, and marked."""
    (share,) = shares_of([database], {(HERE, AT): server}, Prices())
    assert (share.percent, share.cost.monthly, share.cost.unknown) == (percent, monthly, 1)


def shared() -> Report:
    """An audit with a share."""
    audit = report(planned(), Prices())
    return replace(audit, shares=shares_of([DATA], {(HERE, AT): SERVER}, Prices()))


def test_a_share_is_seen_in_every_form_and_is_in_no_sum() -> None:
    """The server costs the same without the database: nothing of it is waste or saved."""
    plain, audit = report(planned(), Prices()), shared()
    assert audit.total == plain.total
    text = table.table(audit)
    assert "databases' parts of their servers, in no sum above" in text
    (row,) = (line for line in text.splitlines() if line.startswith("shop_1"))
    assert row.split() == ["shop_1", "db:prod", "25.0", "%", f"{rounded(MONTH / 4, 2)}"]
    (answer,) = data.as_json(audit)["database_shares"]
    assert (answer["server"], answer["part"], answer["monthly"]) == ("db:prod", 0.25, 3.815)
    under = "beside the total, by size: $3.82 a month of the servers of 1 database"
    assert under in text
    assert under in table.table(audit, View("state"))
    assert under in table.markdown(audit)
    assert data.as_json(audit)["shared"]["monthly"] == 3.815
    page = html(audit)
    assert under in page
    assert "Databases on shared servers" in page
    assert "shop v" in page or DEAD.short in page
    assert "Databases on shared servers" not in html(plain)
    assert "parts of their servers" not in table.table(plain)
