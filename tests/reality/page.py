"""docs/reality.md, from the results of a run: what ran where, when, with which versions."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

from tests.reality import faults, zoo
from tests.reality.faults import Result
from tests.reality.situations import ORDERS
from tests.reality.zoo import Row
from tests.support.company import OTHER_PRODUCT

PAGE = Path("docs/reality.md")
RUNS = Path(__file__).with_name("runs.json")
"""The last run on each kind of machine, and that of the older version: the page is made of it."""

CONTAINER, VM, BEFORE = "container", "vm", "before"
WHERE = "machines"
"""The property of a test's result that says on what it ran, with versions."""
NOTE = "note"
"""A property, any number of times: a line about what was measured or logged."""
DIFFERENCES = "differences"
"""A property: who acted and must not, or must and did not; one a line."""
IMITATION = "imitation"
_WITHOUT_MACHINES = ("test_page", "test_vm_parts", "test_where_it_cannot_run")

_HEAD = """\
# Shown on real machines

Written by `make reality`. The tests are in `tests/reality`.
A container is systemd-nspawn over a Debian tree (`deployer sandbox up --machines container`): its
systemd, cloud-init and OpenSSH are real, its kernel is the host's, its firmware's id is a file.
A virtual machine (`vm`) is QEMU: its kernel, firmware, metadata service (version 2) and disk are
its own. The imitation is the sandbox's own machines (`--machines processes`), against the same
table. RHEL's and Amazon Linux's order of cloud-init is imitated by unit files on Debian.
"""
_RUN = """
## {title}

The last run of all took {cost}.

{versions}
| test | shows | machines | result | seconds | in a run that began (UTC) |
|---|---|---|---|---|---|
"""
_TITLES = {CONTAINER: "Containers and the imitation", VM: "Virtual machines"}
_NOTES = "\nWhat `{test}` measured and read in logs:\n\n"
_FAULTS = """
## The faults that were found by hand

"Before" is the version before issue "Production is never harmed" ({commit}), whose commands or
scripts the same tests ran on containers, beginning at {when} UTC.

| | fault | shown by | before | today |
|---|---|---|---|---|
"""
_TABLE = """
## The table of units

Each row is installed and enabled on a machine that acts as production does. `app` and `jobs` are
held by those classes of the gate; `nothing` acts on every clone, and `doctor` names it. The
imitation agrees with every row that it imitates, and refuses the others in words
(`deployer/sandbox/machines/unimitated.py`). "Before": the ways of cloud-init with which the older
version let the row act where it must not, or not act where it must.

| row | what it is | held as | configured unit | imitated | before |
|---|---|---|---|---|---|
"""
_ORDERS = """
## The ways of cloud-init

Each is walked through: production before a gate, first clone, the clone told to run, a clone of
that, reboot of live, reboot of retired. The host key of every clone is asked for again and again
while it boots: it is always ours where cloud-init acts, and never ours where it does not.

| name | cloud-init on the disk | gives a clone our host key | a clone obeys |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Run:
    """The results on a kind of machine; `cost` is that of the last run of all tests."""

    cost: str
    results: tuple[Result, ...]


def write(kind: str, cost: str, xml: str) -> None:
    """Keep a run from a JUnit file of pytest, and write the page, unless nothing real ran.

    Without a cost it was a run of some tests: the results of the others stay.
    """
    root = ET.fromstring(xml)  # noqa: S314 -- pytest wrote it a moment ago
    found = {result.test: result for result in results(root)}
    if not any(map(_is_real, found.values())):
        return
    runs = stored()
    kind = BEFORE if OTHER_PRODUCT else kind
    if not cost and kind in runs:
        cost = runs[kind].cost
        found = {result.test: result for result in runs[kind].results} | found
    runs[kind] = Run(cost, tuple(found[test] for test in sorted(found)))
    texts = {name: asdict(run) for name, run in sorted(runs.items())}
    RUNS.write_text(json.dumps(texts, indent=1, ensure_ascii=False) + "\n")
    rewrite()


def _is_real(result: Result) -> bool:
    return result.outcome in ("passed", "failure") and ":" in result.machines


def rewrite() -> None:
    """Write the page from the stored runs."""
    PAGE.write_text(text(stored()))


def stored() -> dict[str, Run]:
    """The runs that are kept."""
    texts = json.loads(RUNS.read_text()) if RUNS.exists() else {}
    return {
        name: Run(run["cost"], tuple(_result(one) for one in run["results"]))
        for name, run in texts.items()
    }


def _result(told: dict[str, Any]) -> Result:
    lists = {key: tuple(told[key]) for key in ("notes", "differences")}
    return Result(**(told | lists))


def results(root: ET.Element) -> Iterator[Result]:
    """Every test of the run."""
    when = next(root.iter("testsuite")).get("timestamp", "")[:16].replace("T", " ")
    for case in root.iter("testcase"):
        module, name = case.get("classname", "").rpartition(".")[2], case.get("name", "")
        bad = next(
            (kind for kind in ("failure", "error", "skipped") if case.find(kind) is not None), ""
        )
        if module in _WITHOUT_MACHINES:
            continue
        yield Result(
            f"{module}::{name}",
            _first_line(case.get("classname", ""), name.partition("[")[0]),
            next(_properties(case, WHERE), IMITATION),
            bad or "passed",
            when,
            float(case.get("time", 0)),
            tuple(_properties(case, NOTE)),
            tuple(
                line for one in _properties(case, DIFFERENCES) for line in one.splitlines() if line
            ),
        )


def _properties(case: ET.Element, name: str) -> Iterator[str]:
    found = (one for one in case.iter("property") if one.get("name") == name)
    return (one.get("value", "") for one in found)


def text(runs: Mapping[str, Run]) -> str:
    """The whole page."""
    parts = [_HEAD]
    parts += [line for kind in _TITLES if kind in runs for line in _run(kind, runs[kind])]
    before = runs.get(BEFORE)
    parts += _faults(runs[CONTAINER], before) if CONTAINER in runs and before else []
    parts.append(_TABLE)
    parts += [_row(row, before) for row in zoo.EVERY]
    parts.append(_ORDERS)
    parts += [
        f"| {one.name} | {one.about} | {'yes' if one.acts else 'no'} "
        f"| {'yes' if one.notices else 'no: refused'} |\n"
        for one in ORDERS
    ]
    return "".join(parts)


def _run(kind: str, run: Run) -> Iterator[str]:
    kinds = sorted({one.machines for one in run.results if ":" in one.machines})
    versions = "".join(f"- {kind}\n" for kind in kinds)
    yield _RUN.format(title=_TITLES[kind], cost=run.cost, versions=versions)
    for one in run.results:
        where = one.machines.partition(":")[0]
        told = (f"`{one.test}`", one.shows, where, one.outcome, f"{one.seconds:.0f}", one.when)
        yield f"| {' | '.join(told)} |\n"
    for one in run.results:
        if one.notes:
            yield _NOTES.format(test=one.test)
            yield from (f"- {note}\n" for note in one.notes)


def _faults(today: Run, before: Run) -> Iterator[str]:
    yield _FAULTS.format(commit=faults.BEFORE, when=min(result.when for result in before.results))
    for number, fault in enumerate(faults.FAULTS, 1):
        tests = ", ".join(f"`{test}`" for test in fault.tests)
        told = (fault.about, tests, fault.seen(_by_name(before)), fault.seen(_by_name(today)))
        yield f"| {number} | {' | '.join(told)} |\n"


def _by_name(run: Run) -> dict[str, Result]:
    return {result.test: result for result in run.results}


def _row(row: Row, before: Run | None) -> str:
    walked = [one for one in (before.results if before else ()) if one.differences]
    red = sorted({one.test.partition("[")[2][:-1] for one in walked if _names(one, row)})
    told = (
        f"`{row.name}`",
        row.about,
        row.held,
        _code(row.configured),
        "yes" if row.imitated else "refused",
        f"red: {', '.join(red)}" if red else "green" if walked else "not run",
    )
    return f"| {' | '.join(told)} |\n"


def _names(result: Result, row: Row) -> bool:
    words = (line.split(": ")[-1].split(" ")[0] for line in result.differences)
    return row.name in words


def _code(name: str) -> str:
    return f"`{name}`" if name else "–"


def _first_line(module: str, name: str) -> str:
    doc = inspect.getdoc(getattr(_module(module), name, None)) or ""
    return doc.partition("\n")[0].rstrip(".")


@lru_cache(maxsize=32)
def _module(name: str) -> ModuleType | None:
    if not name.startswith("tests.reality."):
        return None
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None
