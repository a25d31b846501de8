"""The demo's last scene: the cost audit as a page, checked against JSON and a sum by hand."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Protocol

from rich.console import Console


class Scenery(Protocol):
    """What the scene needs of the stage."""

    console: Console

    def scene(self, title: str, why: str = "") -> None:
        """Print a heading."""

    def output(self, *words: str) -> str:
        """What one of our commands prints."""
        ...

    def check(self, holds: bool, what: str, otherwise: str = "") -> None:
        """Count a check."""


def show_costs(stage: Scenery, path: Path) -> None:
    """Write the page to `path`, check its total, print the link to it."""
    stage.scene("What it costs", "The audit as a page: the same figures as in JSON, and by hand.")
    page = stage.output("reconciler", "report", "--format", "html")
    told = json.loads(stage.output("reconciler", "report", "--format", "json") or "{}")
    path.write_text(page, encoding="utf-8")
    resources = [each for deploy in told.get("deploys", ()) for each in deploy["resources"]]
    by_hand = sum((Decimal(str(each["monthly"] or 0)) for each in resources), Decimal(0))
    month = f"{by_hand.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"
    stage.check(bool(resources), "the audit lists what there is")
    stage.check(f"${month} a month" in told.get("sentence", ""), f"JSON says ${month} a month")
    stage.check(f"${month} a month" in page, f"the page says ${month} a month")
    stage.console.print(f"\nThe costs of all this, as a page: {path.as_uri()}", soft_wrap=True)
