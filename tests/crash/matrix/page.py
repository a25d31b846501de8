"""What was played so far: one JSON line a cell, so that an interrupted run goes on where it was.

Kept in `build/crash/`, for the commit that was tested. What was played on another commit, or on
files that were changed since, counts only where the user says so.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "build" / "crash"
NO_COMMIT = "no-commit"


@dataclass(frozen=True)
class Played:
    """A cell that was played.

    `problem` is empty where everything held, at the latest when it was tried once more; `first` is
    what had not held before that.
    """

    command: str
    request: str
    fault: str
    commit: str
    word: str = ""
    calls: int = 0
    seconds: float = 0.0
    problem: str = ""
    tries: int = 1
    first: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Which cell this is."""
        return self.command, self.request, self.fault


@dataclass
class Book:
    """The requests of every command, and the cells played."""

    path: Path
    commit: str
    surveys: dict[str, list[str]] = field(default_factory=dict)
    played: dict[tuple[str, str, str], Played] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path = FOLDER, *, fresh: bool = False, trust: Iterable[str] = ()) -> Book:
        """The book of the present commit; with what was played on commits in `trust`, too."""
        folder.mkdir(parents=True, exist_ok=True)
        commit = this_commit()
        book = cls(folder / "cells.jsonl", commit)
        if fresh:
            book.path.unlink(missing_ok=True)
        elif book.path.exists():
            for line in book.path.read_text().splitlines():
                book._read(json.loads(line), {commit, *trust})
        return book

    def _read(self, line: dict[str, Any], trusted: set[str]) -> None:
        if line["commit"] not in trusted:
            return
        if "names" in line:
            self.surveys[line["command"]] = line["names"]
        else:
            one = Played(**line)
            self.played[one.key] = one

    def add_survey(self, command: str, names: list[str]) -> None:
        """The requests of a good day."""
        self.surveys[command] = names
        self._write({"command": command, "names": names, "commit": self.commit})

    def add(self, one: Played) -> None:
        """A cell that was played."""
        one = replace(one, commit=self.commit)
        self.played[one.key] = one
        self._write(asdict(one))

    def keep(self, requests: Mapping[str, list[str]], played: Iterable[Played]) -> None:
        """Take over what stands on a page, of commands and rows that this book does not know.

        A row of which any cell was played anew is not: its cells are of one commit.
        """
        known = {(command, request) for command, request, _ in self.played}
        new = {
            command: names
            for command, names in requests.items()
            if names and command not in self.surveys
        }
        self.surveys.update(new)
        for one in played:
            row = (one.command, one.request)
            if one.request in self.surveys.get(one.command, ()) and row not in known:
                self.played[one.key] = one

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def this_commit() -> str:
    """The commit that is checked out, and a mark of what was changed in it since."""
    try:
        head = _git("rev-parse", "--short=10", "HEAD").decode().strip()
        changed = _git("diff", "HEAD", "--", "deployer", "reconciler", "tests/crash")
    except (OSError, subprocess.CalledProcessError):
        return NO_COMMIT
    return f"{head}+{sha256(changed).hexdigest()[:6]}" if changed else head


def _git(*words: str) -> bytes:
    done = subprocess.run(
        ["git", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    return done.stdout
