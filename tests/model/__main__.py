"""`make model`: every model as far as the larger bounds; docs/ written anew from what was found.

    python -m tests.model [WORD...]     only what has one of these words in its model or its name
    python -m tests.model --traces      only the mutations: their table and their pictures

Scenarios run side by side, each in a process of its own, so that the memory it takes is its own.
Exits with 1 and the shortest trace where something is broken; no row is written of that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

from tests.model import pages
from tests.model.bounds import (
    DATABASES,
    ELASTIC_IPS,
    GATES,
    HOMES,
    HOOKS,
    LEDGER_HEAP,
    MUTANT_STATES,
    PARKING,
    SCOPES,
    TRAFFIC,
    Bound,
    explored,
)
from tests.model.explorer import Report
from tests.model.measuring import Run, measured
from tests.model.mutations import DESIGN, OWN, PICTURED, Mutation

MODELS = {
    "ledger-heap": LEDGER_HEAP,
    "databases": DATABASES,
    "homes": HOMES,
    "hooks": HOOKS,
    "gate": GATES,
    "traffic": TRAFFIC,
    "elastic-ip": ELASTIC_IPS,
    "parking": PARKING,
    "scopes": SCOPES,
}
DOCS = Path(__file__).parents[2] / "docs"
PROTOCOL, TRACES = DOCS / "protocol.md", DOCS / "protocol-traces.md"


def main(words: list[str]) -> int:
    """Explore, print, judge, write."""
    if words == ["--traces"]:
        write_traces()
        return 0
    broken, states = 0, 0
    for title, bounds in MODELS.items():
        sys.stdout.write(f"{title}\n")
        for run in _runs([one for one in bounds if _named(f"{title}: {one.scenario.name}", words)]):
            broken += bool(run.report.complaint)
            states += run.report.states
            if not run.report.complaint:
                _write_row(title, bounds, run)
    sys.stdout.write(f"{states:,} states in all, {broken} scenarios broken\n")
    if not words:
        write_traces()
    return 1 if broken else 0


def _named(name: str, words: list[str]) -> bool:
    return not words or any(word in name for word in words)


def _runs(bounds: list[Bound]) -> Iterator[Run]:
    workers = int(os.environ.get("WORKERS", "2"))
    # Not a ProcessPoolExecutor: with max_tasks_per_child it may wait for ever (CPython 115634).
    with get_context("spawn").Pool(workers, maxtasksperchild=1) as pool:
        for run in pool.imap(measured, bounds):
            sys.stdout.write(f"  {run.bound.scenario.name}: {run.report}")
            sys.stdout.write(f" ({run.seconds:.0f} s of CPU, {run.megabytes} MB)\n")
            sys.stdout.flush()
            yield run


def _write_row(title: str, bounds: tuple[Bound, ...], run: Run) -> None:
    page = PROTOCOL.read_text(encoding="utf-8")
    table = pages.bounds_table(bounds, run, pages.section(page, title))
    PROTOCOL.write_text(pages.between(page, title, table), encoding="utf-8")


def tried(mutation: Mutation) -> Report:
    """What the model says with one guard removed."""
    with mutation.within():
        return explored(mutation.where, MUTANT_STATES, mutation.rules)


def write_traces() -> None:
    """The mutations' table, their pictures, and those that docs/protocol.md shows."""
    found = [(one, tried(one)) for one in (*DESIGN, *OWN)]
    page = PROTOCOL.read_text(encoding="utf-8")
    page = pages.between(page, "mutations", pages.mutations_table(found))
    for mutation, report in found:
        sys.stdout.write(f"{mutation.name}: {report}\n")
        if mutation.name in PICTURED:
            page = pages.between(page, mutation.name, pages.picture(report))
    PROTOCOL.write_text(page, encoding="utf-8")
    chapters = "\n\n".join(pages.chapter(*one) for one in found)
    traces = TRACES.read_text(encoding="utf-8")
    TRACES.write_text(pages.between(traces, "traces", chapters), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
