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
    command, commit, row, later = "", "", 0, dict[int, str]()
    for line in page.splitlines():
        if line.startswith("## "):
            command, row, later = line[3:], 0, {}
        elif said := re.search(r"(?:^Played on|played on commit) `([^`]+)`", line):
            commit = said[1]
            for numbers, other in re.findall(r"rows? ([\d, ]+) on `([^`]+)`", line):
                later |= {int(number): other for number in numbers.split(", ")}
        elif line.startswith("| ") and not line.startswith("| request |"):
            row += 1
            request, *cells = line[2:].removesuffix(" |").split(" | ")
            found += [
                _read_cell(Played(command, request, fault.value, later.get(row, commit)), text)
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


def _played_on(command: str, names: Sequence[str], book: Book) -> str:
    """The commit of most rows of a section, then those of the others by their numbers; '' of none.

    Not said where the head says it: every cell is of one commit.
    """
    rows: dict[str, list[int]] = {}
    for number, name in enumerate(names, 1):
        cells = (book.played.get((command, name, fault.value)) for fault in COLUMNS)
        commit = next((one.commit for one in cells if one is not None), None)
        if commit is not None:
            rows.setdefault(commit, []).append(number)
    if not rows or len({one.commit for one in book.played.values()}) < 2:
        return ""
    first, *others = sorted(rows, key=lambda commit: (-len(rows[commit]), commit))
    later = (
        f"; row{'s' if len(rows[commit]) > 1 else ''} {', '.join(map(str, rows[commit]))}"
        f" on `{commit}`"
        for commit in others
    )
    return f"Played on `{first}`{''.join(later)}."


def _section(command: str, names: Sequence[str], book: Book) -> str:
    on = _played_on(command, names, book)
    rows = ["", f"## {command}", ""]
    if not names:
        return "\n".join([*rows, NOT_PLAYED, ""])
    rows += [on, ""] if on else []
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
