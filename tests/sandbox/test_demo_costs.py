"""The demo ends with a page of costs, whose figures it compares with JSON and a sum by hand."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console

from deployer.sandbox.demo.costs import show_costs
from reconciler.cost.audit import report
from reconciler.cost.price_list import Prices
from reconciler.output.audit import data
from reconciler.output.audit.html import html
from tests.support.shop_world import planned

AUDIT = report(planned(), Prices())
PAGE, JSON = html(AUDIT), json.dumps(data.as_json(AUDIT))


@dataclass
class Told:
    """A stage whose commands print what a test says."""

    page: str = PAGE
    answer: str = JSON
    console: Console = field(default_factory=lambda: Console(file=io.StringIO(), width=80))
    failures: list[str] = field(default_factory=list)

    def scene(self, title: str, why: str = "") -> None:
        """Nobody looks."""

    def output(self, *words: str) -> str:
        """By the format that is asked for."""
        return self.page if "html" in words else self.answer

    def check(self, holds: bool, what: str, otherwise: str = "") -> None:
        """As the real one."""
        if not holds:
            self.failures.append(what + otherwise)


def test_page_json_and_a_sum_by_hand_agree(tmp_path: Path) -> None:
    """And the last line is a link to the page."""
    stage, path = Told(), tmp_path / "demo-costs.html"
    show_costs(stage, path)
    assert stage.failures == []
    assert path.read_text() == PAGE
    file = stage.console.file
    assert isinstance(file, io.StringIO)
    assert file.getvalue().splitlines()[-1].endswith(path.as_uri())


@pytest.mark.parametrize(
    ("page", "answer", "failed"),
    [
        (PAGE.replace("$63.36 a month", "$63.35 a month"), JSON, "the page says $63.36 a month"),
        (PAGE, JSON.replace("$63.36 a month", "$63.37 a month"), "JSON says $63.36 a month"),
        (PAGE, JSON.replace('"monthly": 20.016', '"monthly": 20.006'), "JSON says $63.33 a month"),
        (PAGE, "", "the audit lists what there is"),
    ],
)
def test_a_cent_too_little_is_a_failure(
    page: str, answer: str, failed: str, tmp_path: Path
) -> None:
    """In the page, in the sentence, in a row, or where nothing was told."""
    stage = Told(page, answer)
    show_costs(stage, tmp_path / "x.html")
    assert failed in stage.failures
