"""The page of the figures: one section a part, each written anew when its part is measured."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Iterable, Mapping

from tests.bench.measure import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"

SCALE = {"scale": "A thousand scopes by Step Functions and Lambda, on an emulator"}
"""What `make scale` writes: it is no part of `make bench`."""

_HEAD = """\
# Benchmarks

Written by `make bench`; `make bench BENCH=sweeps` measures one part anew. No test asserts any of
this. What is compared runs in turn, on one server: the sandbox's API in a process of its own, with
a fleet laid into it. Seconds and memory are of whole client processes, counted by the system.
`traffic`, `rollbacks`, `waits`, `crowd`, `machines`, `upload` and `routes` run on whole sandboxes
and by the clients' own clocks.

The parts are `{parts}`; the last section is `make scale`'s.
"""
_HEADING = re.compile(r"^## ", re.MULTILINE)


def measured() -> str:
    """When and where, for the head of a section."""
    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    load = os.getloadavg()[0]
    return (
        f"{now} · {os.cpu_count()} processors, {platform.machine()}, "
        f"Python {platform.python_version()} · load before it {load:.1f}"
    )


def goal(met: bool, words: str) -> str:
    """A line that says in words whether a goal was met."""
    return f"- {'Met' if met else '**Missed**'}: {words}"


def table(head: str, rows: Iterable[str]) -> list[str]:
    """A table whose columns are divided by ` | `."""
    return [f"| {head} |", "|---" * (head.count(" | ") + 1) + "|", *(f"| {one} |" for one in rows)]


def write(titles: Mapping[str, str], fresh: Mapping[str, str]) -> None:
    """The page in the order of `titles`: sections of `fresh` by part, else those that stand."""
    standing = _standing()
    parts = [_HEAD.format(parts="`, `".join(titles))]
    for part, title in {**titles, **SCALE}.items():
        text = fresh.get(part) or standing.get(title) or "Not measured yet.\n"
        parts.append(f"## {title}\n\n{text.strip()}\n")
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def _standing() -> dict[str, str]:
    if not PAGE.exists():
        return {}
    sections = _HEADING.split(PAGE.read_text(encoding="utf-8"))[1:]
    return {title: text for title, _, text in (one.partition("\n") for one in sections)}
