"""docs/reality.md, from the results of a run: what ran where, when, with which versions."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

from tests.reality import zoo
from tests.reality.situations import ORDERS

PAGE = Path("docs/reality.md")
WHERE = "machines"
"""The property of a test's result that says on what it ran, with versions."""
IMITATION = "imitation"

_HEAD = """\
# Shown on real machines

Written by `make reality`; the last run began at {when} UTC. The tests are in `tests/reality`.
A container is systemd-nspawn over a Debian tree (`deployer sandbox up --machines container`): its
systemd, cloud-init and OpenSSH are real, its kernel is the host's, its firmware's id is a file.
The imitation is the sandbox's own machines (`--machines processes`), against the same table.

{versions}
| test | shows | machines | result | seconds |
|---|---|---|---|---|
"""
_TABLE = """
## The table of units

Each row is installed and enabled on a machine that acts as production does. `app` and `jobs` are
held by those classes of the gate; `nothing` acts on every clone, and `doctor` names it. The
imitation agrees with every row that it imitates, and refuses the others in words
(`deployer/sandbox/machines/unimitated.py`).

| row | what it is | held as | configured unit | imitated |
|---|---|---|---|---|
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
class Result:
    """One test's outcome."""

    test: str
    shows: str
    machines: str
    outcome: str
    seconds: float


def write(xml: str) -> None:
    """Write the page from a JUnit file of pytest, unless nothing ran on real machines."""
    root = ET.fromstring(xml)  # noqa: S314 -- pytest wrote it a moment ago
    found = sorted(results(root), key=lambda result: result.test)
    if any(one.outcome == "passed" and one.machines != IMITATION for one in found):
        when = next(root.iter("testsuite")).get("timestamp", "")[:16].replace("T", " ")
        PAGE.write_text(text(found, when))


def results(root: ET.Element) -> Iterator[Result]:
    """Every test of the run."""
    for case in root.iter("testcase"):
        properties = {one.get("name"): one.get("value") for one in case.iter("property")}
        module, name = case.get("classname", "").rpartition(".")[2], case.get("name", "")
        bad = next(
            (kind for kind in ("failure", "error", "skipped") if case.find(kind) is not None), ""
        )
        if module == "test_page":
            continue
        yield Result(
            f"{module}::{name}",
            _first_line(module, name.partition("[")[0]),
            properties.get(WHERE) or IMITATION,
            bad or "passed",
            float(case.get("time", 0)),
        )


def text(found: list[Result], when: str) -> str:
    """The whole page."""
    kinds = sorted({one.machines for one in found if ":" in one.machines})
    versions = "".join(f"- {kind}\n" for kind in kinds)
    lines = [_HEAD.format(when=when, versions=versions)]
    lines += [
        f"| `{one.test}` | {one.shows} | {one.machines.partition(':')[0]} | {one.outcome} "
        f"| {one.seconds:.0f} |\n"
        for one in found
    ]
    lines.append(_TABLE)
    lines += [
        f"| `{row.name}` | {row.about} | {row.held} | {_code(row.configured)} "
        f"| {'yes' if row.imitated else 'refused'} |\n"
        for row in zoo.ROWS
    ]
    lines.append(_ORDERS)
    lines += [
        f"| {one.name} | {one.about} | {'yes' if one.acts else 'no'} "
        f"| {'yes' if one.notices else 'no: refused'} |\n"
        for one in ORDERS
    ]
    return "".join(lines)


def _code(name: str) -> str:
    return f"`{name}`" if name else "–"


def _first_line(module: str, name: str) -> str:
    doc = inspect.getdoc(getattr(_module(module), name, None)) or ""
    return doc.partition("\n")[0].rstrip(".")


@lru_cache(maxsize=32)
def _module(name: str) -> ModuleType | None:
    path = Path(__file__).with_name(f"{name}.py")
    if not path.exists():
        return None
    return importlib.import_module(f"tests.reality.{name}")
