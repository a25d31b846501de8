"""Cost audits and strays of 10,000 things: time, memory, calls beside the pages there are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from tests.bench import company
from tests.bench.fleet import KINDS, Fleet
from tests.bench.measure import Figures, serving
from tests.bench.page import goal, table

FLEET = Fleet(3_334, 333)
CALLS, CPU, MEMORY = 1.2, 3.0, 150

_WORDS = """\
Machines of ten services in one region, each with a volume and an interface; a tenth is garbage. The
audit describes everything. The bound: a thousand rows of the tag index or things a page, and one
read of the zone's ledgers. Strays lists the same region without tags: a page for each thousand
things, and one for each kind that is not there.
"""


def measure(folder: Path) -> Iterator[str]:
    """The audit in two formats, and the strays, on one server."""
    yield _WORDS
    configuration = company.write(folder / "config")
    every: list[tuple[str, Figures, int]] = []
    pages = math.ceil(FLEET.machines / 1000) * len(KINDS)
    audit = math.ceil(FLEET.rows / 1000) + pages + 1
    with serving(FLEET.machines, FLEET.garbage) as box:
        for form in ("json", "html"):
            figures = box.run(company.report(configuration, form), folder / "said")
            every.append((f"report --format {form}", figures, audit))
        figures = box.run(company.strays(), folder / "said")
        every.append(("strays", figures, pages + 4))
    yield from table("command | exit | wall s | CPU s | peak MiB | calls | bound | by action", ())
    for name, figures, bound in every:
        actions = ", ".join(f"{action} {count}" for action, count in figures.calls.items())
        seconds = f"{figures.wall:.1f} | {figures.cpu:.2f} | {figures.memory:.0f}"
        yield f"| {name} | {figures.code} | {seconds} | {figures.asked} | {bound} | {actions} |"
    yield ""
    yield from _goals(every)


def _goals(every: list[tuple[str, Figures, int]]) -> Iterator[str]:
    calls = max(figures.asked / bound for _, figures, bound in every)
    yield goal(calls <= CALLS, f"calls within {CALLS} × of the bound; at most {calls:.2f} × here")
    cpu = max(figures.cpu for _, figures, _ in every)
    yield goal(cpu < CPU, f"under {CPU:.0f} s of CPU; at most {cpu:.2f} s here")
    memory = max(figures.memory for _, figures, _ in every)
    yield goal(memory < MEMORY, f"a peak under {MEMORY} MiB; at most {memory:.0f} MiB here")
