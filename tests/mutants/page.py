"""docs/mutants.md: each guard, its rule, and the quick test that goes red without it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tests.mutants.guard import ROOT, Guard

UNIT = "tests/unit/"
PAGE = ROOT / "docs" / "mutants.md"
UNTRIED = "not tried yet"
UNNOTICED = "no test yet"
NEVER = "never"
_HEAD = """\
# What notices that a guard is gone

`make mutants` removes each guard of the [protocol](protocol.md) in turn, in a process of its own,
and runs the quick tests there (`tests/unit`, without those that start a sandbox) until one is red.
It fails where none is. The guards are data: `tests/mutants/guards/*.toml` has the source text of
each, and what stands there without it. A number names a rule of the protocol. The runner writes
this page: {count} guards, {noticed} of them noticed; all of them in one run: {commit}.

| guard | rule | where | noticed by |
|---|---|---|---|
"""
_NO_TEST = (UNTRIED, UNNOTICED)
_ROW = re.compile(r"^\| (?P<name>.+?) \| .+? \| `.+?` \| (?P<test>.+) \|$", re.MULTILINE)
_WHOLE = re.compile(r"in one run: (\S+)\.$", re.MULTILINE)


def recorded() -> dict[str, str]:
    """For each guard's name the test that noticed the last time."""
    cells = {name: test.strip("`") for name, test in rows().items()}
    return {name: UNIT + test for name, test in cells.items() if test not in _NO_TEST}


def rows() -> dict[str, str]:
    """The last cell of each row, by the guard's name."""
    return {found["name"]: found["test"] for found in _ROW.finditer(_text())}


def write(every: Sequence[Guard], found: Mapping[str, str], whole: str = "") -> None:
    """Write the page anew.

    `found`: of each guard that was tried the test that noticed, or ''. `whole`: the commit on which
    all guards were tried in one run.
    """
    last = _WHOLE.search(_text())
    cells = rows() | {name: _cell(test) for name, test in found.items()}
    every_cell = [(guard, cells.get(guard.name, UNTRIED)) for guard in every]
    lines = [
        f"| {guard.name} | {guard.rule} | `{guard.place}` | {cell} |\n"
        for guard, cell in every_cell
    ]
    known = sum(cell not in _NO_TEST for _, cell in every_cell)
    commit = whole or (last[1] if last else NEVER)
    head = _HEAD.format(count=len(every), noticed=known, commit=commit)
    PAGE.write_text(head + "".join(lines), encoding="utf-8")


def _cell(test: str) -> str:
    return f"`{test.removeprefix(UNIT)}`" if test else UNNOTICED


def _text() -> str:
    return PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
