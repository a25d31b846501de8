"""The page: what it says, that it needs nothing from anywhere, and that tags stay text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from reconciler.cost.audit import Report, report
from reconciler.cost.price_list import Prices
from reconciler.model import tags as t
from reconciler.model.resource import INSTANCE, Resource
from reconciler.output import html_report
from reconciler.output.html_report import html
from tests.support.shop_world import ALL, CLEAN, LIVE, planned

VOID = {"meta", "input"}
FOREIGN = replace(ALL[0], id="i-99", token="by hand", uses=(), addresses=())
EVIL = "<script>alert(1)</script>\" onclick='x' \x1b[31m\x9b\u202e& co"


class Page(HTMLParser):
    """A page as a browser would take it: elements, texts, tables. Fails if tags do not match."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.tables: dict[str, list[list[str]]] = {}
        self._table = ""
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._table = str(dict(attrs)["id"])
            self.tables[self._table] = []
        elif tag == "tr":
            self.tables[self._table].append([])
        elif tag in ("td", "th"):
            self.tables[self._table][-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)
        if {"td", "th"} & set(self.open) and self._table:
            self.tables[self._table][-1][-1] += data

    def row(self, table: str, id_: str) -> list[str]:
        """The one row that has this cell."""
        [found] = [row for row in self.tables[table] if id_ in row]
        return found

    @property
    def everything(self) -> str:
        """All that a reader sees."""
        return " ".join(one for tag, all_ in self.texts.items() for one in all_)


def seen(resources: Iterable[Resource] = ALL, problem: str = "") -> Report:
    """The audit of shop's world."""
    return report(planned(CLEAN, resources, problem), Prices())


def test_every_thing_with_its_price_and_what_it_cost() -> None:
    """In one table each: deploys with their sum, things, what is left behind, what is not ours."""
    page = Page(html(seen([*ALL, FOREIGN])))
    assert page.row("resources-table", "i-17") == [
        "instance", "i-17", "shop v1.5.0", "live", "2026-11-23 02:17", "t3.small running",
        "$0.0278", "$0.03",
    ]  # fmt: skip
    assert page.row("orphans-table", "instance")[-3:] == ["$0.0278", "$0.02", "$20.02"]
    assert page.row("orphans-table", "snapshot")[5] == "≤ $0.0006"
    assert "the ledger does not name" in page.row("orphans-table", "snapshot")[1]
    assert page.row("deploys-table", "v1.4.9")[3] == "garbage"
    assert page.tables["deploys-table"][-1] == ["total", "$0.0879", "$7.80"]
    assert page.row("foreign-table", "look-alike")[1].startswith("i-99")
    assert [row[1] for row in page.tables["orphans-table"] if "i-99" in row[1]] == []
    assert "i-99" not in [row[1] for row in page.tables["resources-table"]]
    assert "$0.0293/h" in page.everything
    assert "the oldest since 2026-11-23 02:44" in page.everything
    cards = [keys.get("class") for name, keys in page.elements if name == "div"]
    assert cards[:4] == ["card", "card", "card bad", "card bad"]


def test_what_is_not_known_is_never_nought() -> None:
    """An unknown price is a word, a sum with one in it a least, an unknown service comes first."""
    odd = [replace(one, type="x9.huge") if one.kind == INSTANCE else one for one in ALL]
    page = Page(html(seen(odd)))
    assert page.row("resources-table", "i-17")[-2:] == ["unknown", "unknown"]
    assert page.row("deploys-table", "v1.5.0")[-2].endswith("+")
    assert "3 resources whose price is not known" in page.everything
    text = html(seen(problem="the zone could not be read"))
    assert text.index("shop is unknown") < text.index('class="cards"')
    assert "at an unknown time" not in html(seen())


def test_a_clean_world_says_so() -> None:
    """No alarm, no empty table."""
    page = Page(html(seen(one for one in ALL if one.deploy == LIVE)))
    assert "nothing is left behind" in page.everything
    assert "orphans-table" not in page.tables
    assert "foreign-table" not in page.tables
    assert not [one for one in page.elements if "bad" in str(one[1].get("class"))]


@pytest.mark.parametrize("tag", [t.RELEASE, t.ID, t.HOLD])
def test_tags_stay_text(tag: str) -> None:
    """Whatever somebody writes in a tag, it makes no element and no attribute of the page."""
    plain = Page(html(seen([*ALL, FOREIGN])))
    marked = [replace(one, tags={**one.tags, tag: EVIL}) for one in [ALL[0], FOREIGN]]
    page = Page(html(seen([*marked, *ALL[1:]])))
    assert {name for name, _ in page.elements} <= {name for name, _ in plain.elements}
    assert {key for _, keys in page.elements for key in keys} <= {
        key for _, keys in plain.elements for key in keys
    }
    assert sum(name == "script" for name, _ in page.elements) == 1
    assert not {"\x1b", "\x9b", "\u202e"} & set(html(seen([*marked, *ALL[1:]])))


def test_the_page_needs_nothing_from_anywhere() -> None:
    """No address in it, and a policy that lets in nothing but its own style and script."""
    source = html(seen())
    page = Page(source)
    assert re.findall(r"(?:https?:)?//[a-z]", source) == []
    assert [
        keys for _, keys in page.elements if {"src", "href", "style", "onclick"} & set(keys)
    ] == []
    policy = next(str(keys["content"]) for _, keys in page.elements if "http-equiv" in keys)
    for name in ("style", "script"):
        [own] = re.findall(rf"<{name}>(.*?)</{name}>", source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_whoever_cannot_see_it_can_read_it() -> None:
    """A language, heads that are heads, a caption for every table, no meaning in colour alone."""
    page = Page(html(seen([*ALL, FOREIGN])))
    names = [name for name, _ in page.elements]
    assert dict(page.elements)["html"] == {"lang": "en"}
    assert names.count("caption") == names.count("table") == 4
    heads = [keys for name, keys in page.elements if name == "th"]
    assert all(keys.get("scope") in ("col", "row") for keys in heads)
    ids = [keys["id"] for _, keys in page.elements if "id" in keys]
    assert len(ids) == len(set(ids))
    assert names.count("input") == names.count("label") == 1
    pictures = [keys for name, keys in page.elements if name == "svg"]
    assert [one.get("aria-hidden") for one in pictures] == ["true"]
    assert "garbage $0.0293/h" in " ".join(page.texts["li"])


def test_a_large_fleet_is_cut_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dearest are listed; the sums are of all."""
    monkeypatch.setattr(html_report, "MOST", 3)
    page = Page(html(seen()))
    assert len(page.tables["resources-table"]) == 1 + 3
    assert "the 3 dearest of 18" in page.everything
    assert page.tables["deploys-table"][-1][-2] == "$0.0879"


def test_its_files_hold_no_end_of_their_element() -> None:
    """A style or script is not ended by its own text."""
    for name in ("report.css", "report.js"):
        assert "</" not in files("reconciler.output").joinpath("templates", name).read_text()
