"""docs/crash-matrix.md, from the book of what was played."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.crash.matrix.cells import Cell
from tests.crash.matrix.commands import COMMANDS
from tests.crash.matrix.page import Book, Played
from tests.crash.proxies import Fault
from tests.crash.proxies.aws import POSSIBLE as AWS
from tests.crash.proxies.sql import POSSIBLE as SQL
from tests.crash.proxies.ssh import POSSIBLE as SSH

COLUMNS = tuple(Fault)
NOT_PLAYED = "Not played: its requests are not known yet."

_HEAD = Path(__file__).with_name("head.txt").read_text()


def page(book: Book) -> str:
    """The whole document."""
    rows = {command: rows_of(command, names) for command, names in book.surveys.items()}
    played = [one for one in book.played.values() if one.request in rows.get(one.command, ())]
    every = sum(len(cells_of(command, names)) for command, names in rows.items())
    parts = [_head(played, every)]
    known = {**{one.name: [] for one in COMMANDS}, **rows}
    parts += [_section(command, known[command], book) for command in sorted(known, key=_place)]
    parts.append(_tries(played))
    return "\n".join(part for part in parts if part)


def rows_of(command: str, names: Sequence[str]) -> list[str]:
    """Those of a command's requests that are rows of the page."""
    known = next((one for one in COMMANDS if one.name == command), None)
    return [name for name in names if known is None or known.is_row(name)]


def _place(command: str) -> int:
    names = [one.name for one in COMMANDS]
    return names.index(command) if command in names else len(names)


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
        elif line == NOT_PLAYED:
            found[command] = []
        elif line.startswith("| ") and not line.startswith("| request |"):
            found.setdefault(command, []).append(line[2:].partition(" | ")[0])
    return found


def played_of(page: str) -> list[Played]:
    """The cells of a page, each with the commit that its section names, or else the head."""
    found: list[Played] = []
    command, commit = "", ""
    for line in page.splitlines():
        if line.startswith("## "):
            command = line[3:]
        elif said := re.search(r"(?:^Played on|played on commit) `([^`]+)`", line):
            commit = said[1]
        elif line.startswith("| ") and not line.startswith("| request |"):
            request, *cells = line[2:].removesuffix(" |").split(" | ")
            found += [
                _read_cell(Played(command, request, fault.value, commit), text)
                for fault, text in zip(COLUMNS, cells, strict=True)
                if text not in ("–", "not played")
            ]
    return found


def _read_cell(one: Played, text: str) -> Played:
    if text == "**broken**":
        return replace(one, problem=f"broken on {one.commit}")
    said = re.fullmatch(r"(.*?)(?: [+·] ?(\d+))?", text)
    assert said
    return replace(one, word=said[1], calls=int(said[2] or 0))


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


def _section(command: str, names: Sequence[str], book: Book) -> str:
    commits = sorted({one.commit for one in book.played.values() if one.command == command})
    on = ", ".join(f"`{commit}`" for commit in commits)
    rows = ["", f"## {command}", ""]
    if not names:
        return "\n".join([*rows, NOT_PLAYED, ""])
    rows += (
        [f"Played on {on}.", ""] if len({one.commit for one in book.played.values()}) > 1 else []
    )
    rows.append("| request | " + " | ".join(f.value for f in COLUMNS) + " |")
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


_DONE = ("released", "rolled back", "left", "adopted", "aborted", "forgotten")


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
