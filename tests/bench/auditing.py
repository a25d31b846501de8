"""Cost audits and strays of 10,000 things: time, memory, calls beside the pages there are.

Cloud Custodian lists the same things beside them; it knows no prices.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench import company, custodian
from tests.bench.fleet import KINDS, REGIONS, Fleet
from tests.bench.measure import Figures, serving
from tests.bench.page import goal, table
from tests.support.page_time import USABLE, seconds_until_usable

COUNT = len(REGIONS)
FLEET = Fleet(834, 83)
"""In each region."""
CALLS, CPU, MEMORY = 1.2, 3.0, 150

_WORDS = """\
Machines of ten services in {count} regions, each with a volume and an interface: {things:,} things;
a tenth is garbage. The audit describes everything. Its bound: a thousand rows of the tag index or
things a page, by region and kind, and one read of the zone's ledgers. Strays lists the same regions
without tags. Its bound: the pages of machines and volumes, and one for each kind of EC2 that is not
there; what it asks of load balancers is not counted.
Cloud Custodian {version} from PyPI, in an environment of its own, lists the same things: machines,
volumes and interfaces beside the audit; beside the strays its own filters for what is stopped,
unattached or unused. It says no costs, so its columns are the price of the listing alone.
"""
_ABSENT = ("addresses", "images", "snapshots", "templates")

_Row = tuple[str, Figures, int | None]


def measure(folder: Path) -> Iterator[str]:
    """The audit in two formats, and the strays, on one server."""
    custodian.install()
    things = COUNT * FLEET.resources
    yield _WORDS.format(count=COUNT, things=things, version=custodian.version())
    rows = list(_rows(folder))
    yield from _lines(rows)
    yield _opened(folder / "page.html")


def _lines(rows: Sequence[_Row]) -> Iterator[str]:
    yield from table(
        "command | exit | wall s | CPU s | peak MiB | calls | bound | by action",
        (_line(*row) for row in rows),
    )
    yield ""
    yield from _goals([(figures, bound) for _, figures, bound in rows if bound is not None])


def _rows(folder: Path) -> Iterator[_Row]:
    configuration = company.write(folder / "config", COUNT)
    pages = math.ceil(FLEET.machines / 1000)
    index = math.ceil(FLEET.resources / 1000)
    audit = COUNT * (index + pages * len(KINDS)) + 1
    strays = COUNT * (2 * pages + len(_ABSENT))
    with serving(FLEET.machines, FLEET.garbage, COUNT) as box:
        for form in ("json", "html"):
            figures = box.run(company.report(configuration, form), folder / "said")
            if form == "html":
                (folder / "said").rename(folder / "page.html")
            yield f"report --format {form}", figures, audit
        figures = box.run(custodian.whole(folder, REGIONS), folder / "said")
        yield "custodian, the same things", figures, None
        yield "strays", box.run(company.strays(COUNT), folder / "said"), strays
        figures = box.run(custodian.unused(folder, REGIONS), folder / "said")
        yield "custodian, what is unused", figures, None


def _opened(page: Path) -> str:
    """The page in a real Chromium, where one is installed: the best of three."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return "The page was not opened: no Chromium is installed."
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        seconds = min(seconds_until_usable(browser, page) for _ in range(3))
        browser.close()
    words = f"the page can be used after {USABLE:.0f} s of Chromium's processor time"
    return goal(seconds < USABLE, f"{words}; {seconds:.2f} s here")


def _line(name: str, figures: Figures, bound: int | None) -> str:
    actions = ", ".join(f"{action} {count}" for action, count in figures.calls.items())
    seconds = f"{figures.wall:.1f} | {figures.cpu:.2f} | {figures.memory:.0f}"
    return f"{name} | {figures.code} | {seconds} | {figures.asked} | {bound or '–'} | {actions}"


def _goals(every: list[tuple[Figures, int]]) -> Iterator[str]:
    calls = max(figures.asked / bound for figures, bound in every)
    yield goal(calls <= CALLS, f"calls within {CALLS} × of the bound; at most {calls:.2f} × here")
    cpu = max(figures.cpu for figures, _ in every)
    yield goal(cpu < CPU, f"under {CPU:.0f} s of CPU; at most {cpu:.2f} s here")
    memory = max(figures.memory for figures, _ in every)
    yield goal(memory < MEMORY, f"a peak under {MEMORY} MiB; at most {memory:.0f} MiB here")
