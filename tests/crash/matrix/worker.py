"""One worker of `make crash`: a process with a sandbox of its own that plays what it is given."""

from __future__ import annotations

import atexit
import tempfile
import time
import traceback
from contextlib import ExitStack
from pathlib import Path

from tests.crash.matrix.cells import Cell, play_cell, survey
from tests.crash.matrix.commands import COMMANDS, Command
from tests.crash.matrix.page import Played
from tests.crash.matrix.stage import Stage, staged

TRIES = 2
_stages: list[Stage] = []


def _stage() -> Stage:
    """This worker's, made at its first cell; ends with the worker."""
    if not _stages:
        ends = ExitStack()
        atexit.register(ends.close)
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="crash-")))
        _stages.append(ends.enter_context(staged(folder / "box")))
    return _stages[0]


def _command(name: str) -> Command:
    return next(one for one in COMMANDS if one.name == name)


def surveyed(name: str) -> list[str]:
    """The requests of a command on a good day, by its name."""
    return survey(_stage(), _command(name))


def played(cell: Cell, good_day: int) -> Played:
    """One cell; what did not hold is tried once more on a stage of its first day."""
    began = time.monotonic()
    key = (cell.command, cell.request, cell.fault.value, "")
    problems: list[str] = []
    word, calls = "", 0
    while len(problems) < TRIES and not word:
        try:
            outcome = play_cell(_stage(), _command(cell.command), cell, good_day)
            word, calls = outcome.word, outcome.calls
        except Exception:  # noqa: BLE001 -- whatever it is, the cell did not hold
            problems.append(traceback.format_exc())
            _stage().spoilt = True
    return Played(
        *key,
        word=word,
        calls=calls,
        seconds=round(time.monotonic() - began, 1),
        problem="" if word else "\n".join(problems),
        tries=len(problems) + bool(word),
        first=problems[0] if word and problems else "",
    )
