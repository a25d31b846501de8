"""docs/mutants.md: each guard, its rule, and the quick test that goes red without it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.mutants.guard import ROOT, Guard

UNIT = "tests/unit/"
PAGE = ROOT / "docs" / "mutants.md"
_HEAD = """\
# What notices that a guard is gone

`make mutants` removes each guard of the [protocol](protocol.md) in turn, in a process of its own,
and runs the quick tests there (`tests/unit`, without those that start a sandbox) until one is red.
It fails where none is. The guards are data: `tests/mutants/guards/*.toml` has the source text of
each, and what stands there without it. A number names a rule of the protocol. `make mutants` writes
this page, last on commit {commit}: {count} guards, each noticed.

| guard | rule | where | noticed by |
|---|---|---|---|
"""
_ROW = re.compile(r"^\| (?P<name>.+?) \| .+? \| `.+?` \| `(?P<test>.+)` \|$", re.MULTILINE)


def recorded() -> dict[str, str]:
    """For each guard's name the test that noticed the last time."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    return {found["name"]: UNIT + found["test"] for found in _ROW.finditer(text)}


def write(noticed: Sequence[tuple[Guard, str]], commit: str) -> None:
    """Write the page anew."""
    rows = [
        f"| {guard.name} | {guard.rule} | `{guard.place}` | `{test.removeprefix(UNIT)}` |\n"
        for guard, test in noticed
    ]
    head = _HEAD.format(commit=commit, count=len(rows))
    PAGE.write_text(head + "".join(rows), encoding="utf-8")
