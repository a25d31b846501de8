"""docs/crash-matrix.md, from the book of what was played."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.crash.matrix.cells import Cell
from tests.crash.matrix.page import Book, Played
from tests.crash.proxies import Fault
from tests.crash.proxies.aws import POSSIBLE as AWS
from tests.crash.proxies.sql import POSSIBLE as SQL
from tests.crash.proxies.ssh import POSSIBLE as SSH

COLUMNS = tuple(Fault)

_HEAD = Path(__file__).with_name("head.txt").read_text()


def page(book: Book) -> str:
    """The whole document."""
    played = [
        one for one in book.played.values() if one.request in book.surveys.get(one.command, ())
    ]
    every = sum(len(cells_of(command, names)) for command, names in book.surveys.items())
    parts = [_head(played, every)]
    for command, names in book.surveys.items():
        parts.append(_section(command, names, book))
    parts.append(_tries(played))
    return "\n".join(part for part in parts if part)


def faults_of(request: str) -> frozenset[Fault]:
    """What can befall a request, by its name."""
    if ": " in request and request.partition(":")[0].endswith("database"):
        return SQL
    if " machine" in request.partition(":")[0]:
        return SSH
    return AWS


def cells_of(command: str, names: list[str]) -> list[Cell]:
    """Every cell of a command, request by request."""
    return [
        Cell(command, name, fault) for name in names for fault in Fault if fault in faults_of(name)
    ]


def requests_of(page: str) -> dict[str, list[str]]:
    """The rows of a page, by command: a survey that need not be made again."""
    found: dict[str, list[str]] = {}
    command = ""
    for line in page.splitlines():
        if line.startswith("## "):
            command = line[3:]
        elif line.startswith("| ") and not line.startswith("| request |"):
            found.setdefault(command, []).append(line[2:].partition(" | ")[0])
    return found


def _head(played: Sequence[Played], every: int) -> str:
    bad = sum(bool(one.problem) for one in played)
    commits = Counter(one.commit for one in played)
    words = ", ".join(
        f"`{name}`" + (f" ({count} cells)" if len(commits) > 1 else "")
        for name, count in sorted(commits.items(), key=lambda one: (-one[1], one[0]))
    )
    said = f", **{bad} did not**" if bad else ""
    if len(commits) > 1:
        said += ". The code was changed in between: `make crash CRASH=--fresh` plays all on one"
    good = len(played) - bad
    return _HEAD.format(cells=len(played), every=every, commits=words, good=good, bad=said)


def _section(command: str, names: Iterable[str], book: Book) -> str:
    rows = ["", f"## {command}", "", "| request | " + " | ".join(f.value for f in COLUMNS) + " |"]
    rows.append("|---|" + "---|" * len(COLUMNS))
    for name in names:
        cells = (_cell(book, command, name, fault) for fault in COLUMNS)
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _cell(book: Book, command: str, name: str, fault: Fault) -> str:
    if fault not in faults_of(name):
        return "–"
    one = book.played.get((command, name, fault.value))
    if one is None:
        return "not played"
    if one.problem:
        return "**broken**"
    if not one.calls:
        return one.word
    sign = "+" if one.word in _DONE else "· "
    return f"{one.word} {sign}{one.calls}"


_DONE = ("released", "adopted", "aborted", "forgotten")


def _tries(played: Sequence[Played]) -> str:
    again = [one for one in played if one.tries > 1]
    if not again:
        return ""
    lines = [f"- {one.command}, {one.request}, {one.fault}" for one in again]
    return "\n".join(
        [
            "",
            "## Played twice",
            "",
            "Did not hold at first, and did when tried once more:",
            "",
            *lines,
            "",
        ]
    )
