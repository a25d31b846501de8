"""Bad input gives a usable report in every format, and a plain sentence about what is wrong."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.cost import price_cache
from reconciler.cost.audit import Report, report
from reconciler.cost.price_list import Prices
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger
from reconciler.model.resource import INSTANCE, Resource
from reconciler.model.tags import Label
from reconciler.output.audit import data, table
from reconciler.output.audit.figures import first_sentence
from reconciler.output.audit.html import html
from reconciler.output.audit.view import View
from tests.support.shop_world import ALL, CLEAN, LIVE, NOW, planned, resources

WHOLE = (
    "You pay $63.36 a month: $21.12 keeps rollbacks, $21.12 is garbage that the next sweep removes."
)


def usable(audit: Report) -> dict[str, str]:
    """The report in every format; each is there, and none has a figure below nought."""
    answer = json.dumps(data.as_json(audit))
    forms = {
        "table": table.table(audit),
        "markdown": table.markdown(audit),
        "html": html(audit),
        "csv": data.as_csv(audit),
        "json": answer,
        "by owner": table.table(audit, View("owner")),
    }
    assert all(forms.values())
    figures = list(csv.DictReader(io.StringIO(forms["csv"])))
    assert all(float(row["monthly"]) >= 0 and float(row["so_far"]) >= 0 for row in figures)
    assert "$-" not in "".join(forms.values())
    return forms


@pytest.mark.parametrize("spoiled", ["", "{", "[]", '{"version": 2}', "\x00\xff"])
def test_a_corrupt_cache(spoiled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table's prices are used, and that is said."""
    warned: list[str] = []
    monkeypatch.setattr(
        price_cache.log, "warning", lambda text, **more: warned.append(f"{text}: {more['cause']}")
    )
    price_cache.path().parent.mkdir(parents=True)
    price_cache.path().write_bytes(spoiled.encode("latin-1"))
    audit = report(planned(), price_cache.load())
    (sentence,) = warned
    assert sentence.startswith("fetched prices cannot be read, the table's are used: ")
    assert first_sentence(audit) == WHOLE
    assert "prices of 2025-03" in usable(audit)["table"]


def test_a_machine_without_a_type() -> None:
    """Its price is unknown, never nothing; the rest is a lower bound."""
    world = [replace(one, type="") if one.kind == INSTANCE else one for one in ALL]
    audit = report(planned(CLEAN, world), Prices())
    sentence = first_sentence(audit)
    assert sentence.startswith("You pay at least $")
    assert sentence.endswith("3 prices are unknown.")
    forms = usable(audit)
    assert "unknown: the price of 3 resources, or a part of it" in forms["table"]
    assert "unknown (≥ " in forms["table"]


def later() -> list[Resource]:
    """A deploy whose id says that it was born tomorrow, as from a computer with a wrong clock."""
    tomorrow = DeployId("shop", NOW + timedelta(days=1), "zzzzz")
    made = resources(tomorrow, "v9", Label.PENDING, 99)
    return [replace(one, created=tomorrow.born) for one in made]


def test_a_clock_before_the_birth() -> None:
    """It has cost nothing so far, and costs its price from now on."""
    audit = report(planned(CLEAN, [*ALL, *later()]), Prices())
    row = next(row for row in audit.rows if row.release == "v9")
    assert row.cost.so_far == 0
    assert row.cost.monthly > 0
    assert first_sentence(audit).startswith("You pay $")
    usable(audit)


def test_no_resources() -> None:
    """A total of nothing, and a sentence that says so."""
    audit = report(planned(Ledger(gen=1), ()), Prices())
    assert first_sentence(audit) == "You pay nothing: no resource of a release is there."
    assert "total" in usable(audit)["table"]


@pytest.mark.parametrize("bad", ["<script>alert(1)</script>", "=cmd()", "@SUM(A1)", "\x1b[2J"])
def test_a_tag_that_means_harm(bad: str) -> None:
    """It stays text: no element, no formula, no command to the terminal."""
    marked = [replace(one, tags={**one.tags, t.RELEASE: bad, t.BY: bad}) for one in ALL]
    audit = report(planned(CLEAN, marked), Prices())
    assert first_sentence(audit) == WHOLE
    forms = usable(audit)
    assert "<script>alert" not in forms["html"]
    assert not any("\x1b" in text for name, text in forms.items() if name != "json")
    cells = [cell for row in csv.reader(io.StringIO(forms["csv"])) for cell in row]
    assert not any(cell.startswith(("=", "@", "+")) for cell in cells)
    assert str(LIVE) in forms["json"]
