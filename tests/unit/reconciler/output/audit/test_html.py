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
from reconciler.model.resource import DATABASE, INSTANCE, Resource
from reconciler.output.audit import html as html_report
from reconciler.output.audit.charts import chart_data
from reconciler.output.audit.html import html
from tests.support.shop_world import ALL, CLEAN, LEDGER, LIVE, planned

VOID = {"meta", "input"}
CHART_JS = "sha256-hzZMwrKnamaEkp59a4Cxiol3lNs4QAyv8fzxeRxpJdI="
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


def digest_of(text: str) -> str:
    """As a content security policy names a script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def seen(resources: Iterable[Resource] = ALL, problem: str = "") -> Report:
    """The audit of shop's world."""
    return report(planned(CLEAN, resources, problem), Prices())


def test_every_thing_with_its_price_and_what_it_cost() -> None:
    """In one table each: deploys with their sum, things, what is left behind, what is not ours."""
    page = Page(html(seen([*ALL, FOREIGN])))
    assert page.row("resources-table", "i-17") == [
        "instance", "i-17", "shop v1.5.0", "live", "2026-11-23 02:17", "t3.small, running",
        "$20.02", "$0.0278", "$0.03",
    ]  # fmt: skip
    assert page.row("orphans-table", "instance")[5:8] == ["$20.02", "$0.0278", "$0.02"]
    assert page.row("orphans-table", "snapshot")[5] == "≤ $0.40"
    assert "the ledger does not name" in page.row("orphans-table", "snapshot")[1]
    assert page.row("deploys-table", "v1.4.9")[3] == "garbage"
    assert page.tables["deploys-table"][-1] == ["total", "63.36", "0.0880", "7.80"]
    assert page.row("foreign-table", "look-alike")[1].startswith("i-99")
    assert [row[1] for row in page.tables["orphans-table"] if "i-99" in row[1]] == []
    assert "i-99" not in [row[1] for row in page.tables["resources-table"]]
    assert "$0.0293/h" in page.everything
    assert "the oldest since 2026-11-23 02:44" in page.everything
    cards = [keys.get("class") for name, keys in page.elements if name == "div"]
    assert cards[:4] == ["card", "card", "card bad", "card"]
    sentence = "You pay $63.36 a month: $21.12 keeps rollbacks, $21.12 is garbage"
    assert sentence in page.everything


def test_sizes_are_read_by_people() -> None:
    """A small database in megabytes, with its state."""
    small = [replace(one, size_gb=0.0073449) if one.kind == DATABASE else one for one in ALL]
    page = Page(html(seen(small)))
    assert page.row("resources-table", LIVE.database_name(LEDGER))[5] == "7.5 MB, open"
    assert "0.0073449" not in page.everything


def test_the_charts_have_the_figures_of_the_tables() -> None:
    """By service and state in whole cents; each deploy from its birth until now."""
    data = chart_data(seen())
    assert data["services"]["names"] == ["shop"]
    assert data["services"]["states"] == {"garbage": [21.12], "live": [21.12], "previous": [21.12]}
    names = [life["name"] for life in data["lives"]]
    assert names == ["shop v1.4.9", "shop v1.5.0", "shop v1.4.2"]
    assert len({life["to"] for life in data["lives"]}) == 1
    assert data["days"] == []


def test_what_is_not_known_is_never_nought() -> None:
    """An unknown price is a word, a sum with one in it a least, an unknown service comes first."""
    odd = [replace(one, type="x9.huge") if one.kind == INSTANCE else one for one in ALL]
    page = Page(html(seen(odd)))
    assert page.row("resources-table", "i-17")[6:8] == ["unknown (at least $3.60)", "≥ $0.0050"]
    assert page.row("deploys-table", "v1.5.0")[-3:-1] == ["unknown (≥ 4.70)", "≥ 0.0065"]
    assert "The price of 3 resources, or a part of it, is not known" in page.everything
    assert "You pay at least $14.11 a month" in page.everything
    assert page.tables["resources-table"][1][7] == "≥ $0.0050"
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
    assert sum(name == "script" for name, _ in page.elements) == 3
    assert not {"\x1b", "\x9b", "\u202e"} & set(html(seen([*marked, *ALL[1:]])))


def test_the_page_needs_nothing_from_anywhere() -> None:
    """No address in it, and a policy that lets in nothing but its own style and script."""
    source = html(seen())
    library = files("reconciler.output.audit").joinpath("templates", "chart.umd.min.js").read_text()
    page = Page(source.replace(library, ""))
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|eval\(|WebSocket", library)
    policy = next(str(keys["content"]) for _, keys in page.elements if "http-equiv" in keys)
    assert digest_of(library) in policy
    source = source.replace(f"<script>{library}</script>", "")
    assert re.findall(r"(?:https?:)?//[a-z]", source) == []
    assert [
        keys for _, keys in page.elements if {"src", "href", "style", "onclick"} & set(keys)
    ] == []
    for name in ("style", "script"):
        [own] = re.findall(rf"<{name}>(.*?)</{name}>", source, re.DOTALL)
        assert re.search(rf"{name}-src [^;]*'{re.escape(digest_of(own))}'", policy)
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
    pictures = [keys for name, keys in page.elements if name == "canvas"]
    assert all(one["role"] == "img" and one["aria-label"] for one in pictures)
    assert len(pictures) == 3


def test_a_large_fleet_is_cut_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dearest are listed; the sums are of all."""
    monkeypatch.setattr(html_report, "MOST", 3)
    page = Page(html(seen()))
    assert len(page.tables["resources-table"]) == 1 + 3
    assert "the 3 dearest of 18" in page.everything
    assert page.tables["deploys-table"][-1][-2] == "0.0880"


def test_its_files_hold_no_end_of_their_element() -> None:
    """A style or script is not ended by its own text."""
    for name in ("report.css", "report.js", "chart.umd.min.js"):
        text = files("reconciler.output.audit").joinpath("templates", name).read_text()
        assert not re.search("</(script|style)|<!--", text)


def test_the_library_is_the_pinned_one() -> None:
    """Chart.js 4.6.1 as npm has it, with its licence beside it."""
    templates = files("reconciler.output.audit").joinpath("templates")
    assert digest_of(templates.joinpath("chart.umd.min.js").read_text()) == CHART_JS
    assert "MIT License" in templates.joinpath("chart.LICENSE").read_text()
