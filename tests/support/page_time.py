"""How long a page of the cost audit takes in a real Chromium until it can be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

USABLE = 1.0
"""Seconds until a page of 10,000 resources can be used."""


def seconds_until_usable(browser: Any, file: Path) -> float:
    """What the page's thread works until everything is drawn and the scripts have run.

    In processor time: how long it waits for a core is no property of the page.
    """
    page = browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
    meter = page.context.new_cdp_session(page)
    meter.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(file.as_uri(), timeout=120_000)
    page.evaluate("new Promise(requestAnimationFrame)")
    found = meter.send("Performance.getMetrics")["metrics"]
    page.context.close()
    return float(next(each["value"] for each in found if each["name"] == "TaskDuration"))
