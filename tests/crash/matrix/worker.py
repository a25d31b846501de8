"""One worker of `make crash`: a process with a sandbox of its own that plays what it is given."""

from __future__ import annotations

import atexit
import tempfile
import time
import traceback
from contextlib import ExitStack
from pathlib import Path

from tests.crash.matrix.cells import Cell, play_cell, survey
from tests.crash.matrix.command import Command
from tests.crash.matrix.commands import COMMANDS
from tests.crash.matrix.page import Played
from tests.crash.matrix.shapes import (
    BalancedStage,
    ElasticInBucketStage,
    ElasticStage,
    HiddenStage,
    RecordInBucketStage,
    RoutesStage,
)
from tests.crash.matrix.stage import Stage, staged

TRIES = 2
_stages: dict[str, Stage] = {}
_ends = ExitStack()
atexit.register(_ends.close)
_KINDS: dict[str, type[Stage]] = {
    one.name: one
    for one in (
        Stage,
        BalancedStage,
        ElasticStage,
        RoutesStage,
        HiddenStage,
        RecordInBucketStage,
        ElasticInBucketStage,
    )
}


def _stage(shape: str) -> Stage:
    """This worker's of that shape, made at its first cell; ends with the worker.

    That of another shape ends: its clients would ask on, and take the time of the cells.
    """
    if shape not in _stages:
        _ends.close()
        _stages.clear()
        folder = Path(_ends.enter_context(tempfile.TemporaryDirectory(prefix="crash-")))
        _stages[shape] = _ends.enter_context(staged(folder / "box", _KINDS[shape]))
    return _stages[shape]


def _command(name: str) -> Command:
    return next(one for one in COMMANDS if one.name == name)


def surveyed(name: str) -> list[str]:
    """The requests of a command on a good day, by its name."""
    command = _command(name)
    return survey(_stage(command.shape), command)


def played(cell: Cell, good_day: int) -> Played:
    """One cell; what did not hold is tried once more on a stage of its first day."""
    began, command = time.monotonic(), _command(cell.command)
    key = (cell.command, cell.request, cell.fault.value, "")
    problems: list[str] = []
    word, calls = "", 0
    while len(problems) < TRIES and not word:
        try:
            outcome = play_cell(_stage(command.shape), command, cell, good_day)
            word, calls = outcome.word, outcome.calls
        except Exception:  # noqa: BLE001 -- whatever it is, the cell did not hold
            problems.append(traceback.format_exc())
            _stage(command.shape).spoilt = True
    return Played(
        *key,
        word=word,
        calls=calls,
        seconds=round(time.monotonic() - began, 1),
        problem="" if word else "\n".join(problems),
        tries=len(problems) + bool(word),
        first=problems[0] if word and problems else "",
    )
