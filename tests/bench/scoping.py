"""A thousand account-regions in one process: memory, calls, and the scopes a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.bench import company
from tests.bench.measure import Figures, serve
from tests.bench.page import goal, table
from tests.support.organisation import configure, members

SIZES = (10, 100, 1000)
MEMORY = 250.0
"""MB (a million bytes) at 1,000 scopes; what is measured is MiB."""
CALLS = 3
"""Of a clean scope; the ledgers apart."""

_WORDS = """\
One account in one region is a scope; each has ten things of a live deploy (three machines, a disk
and an interface for each, a disk more), a service whose ledger is in one zone of the hub account,
and a role to assume, one for two scopes. A full sweep of all of them in one process, nothing to do.
Calls are those to EC2 and Route 53; STS is asked once an account, and for its role once.
"""


def measure(folder: Path) -> Iterator[str]:
    """Sweeps of ten, a hundred and a thousand scopes."""
    yield _WORDS
    rows, verdicts = list[str](), list[str]()
    for size in SIZES:
        with serve("tests.bench.scope_server", str(size)) as box:
            config = configure(folder / str(size), members(size), "")
            one = box.run(company.sweep(config), folder / f"{size}.log")
        rows.append(_row(size, one))
        verdicts = list(_verdicts(size, one))
    yield from table(
        "scopes | seconds | CPU s | MiB | exit | calls a scope | for the ledgers", rows
    )
    yield ""
    yield from verdicts


def _of_scopes(one: Figures) -> int:
    return sum(count for action, count in one.calls.items() if action.startswith("Describe"))


def _row(size: int, one: Figures) -> str:
    ledgers = one.calls.get("ListResourceRecordSets", 0)
    each = f"{_of_scopes(one) / size:.1f}"
    figures = f"{one.wall:.1f}", f"{one.cpu:.1f}", f"{one.memory:.0f}", str(one.code)
    return " | ".join([f"{size:,}", *figures, each, str(ledgers)])


def _verdicts(size: int, one: Figures) -> Iterator[str]:
    taken = one.memory * 2**20 / 10**6
    said = f"{one.memory:.0f} MiB, which are {taken:.0f} MB, for {size:,} scopes"
    yield goal(taken <= MEMORY, f"{said} (at most {MEMORY:.0f} MB)")
    calls = _of_scopes(one) / size
    yield goal(calls <= CALLS, f"{calls:.1f} calls a clean scope (at most {CALLS})")
