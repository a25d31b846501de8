"""A part of the crash matrix that rotates with the commit, and proof that a cell can be red."""

from __future__ import annotations

import random

import pytest

from tests.crash.doors import Fault
from tests.crash.matrix.book import NO_COMMIT, this_commit
from tests.crash.matrix.cells import Cell, play_cell, survey
from tests.crash.matrix.commands import COMMANDS
from tests.crash.matrix.stage import Stage
from tests.crash.matrix.table import cells_of
from tests.crash.spoons import BREAK

pytestmark = [pytest.mark.timeout(400), pytest.mark.crash]

CELLS = 3
"""So many a run; which ones, the commit says. They are played one after another on one stage."""

UP = COMMANDS[0]


def test_some_cells_hold(stage: Stage) -> None:
    """Of `up`, whose requests are counted here: every one has a name, and the faults hold."""
    names = survey(stage, UP)
    assert len(names) > 30
    assert len(set(names)) == len(names)
    commit = this_commit().partition("+")[0]
    seed = commit if commit != NO_COMMIT else "0"
    chosen = random.Random(seed).sample(cells_of(UP.name, names), CELLS)
    for cell in chosen:
        play_cell(stage, UP, cell, len(names))


BROKEN = {
    "a sweep does not thaw": (UP, "swap: commit", Fault.KILL_BEFORE),
    "a sweep passes over snapshots": (UP, "RunInstances", Fault.KILL_AFTER),
    "a lost swap is not read back": (UP, "swap: renew, image", Fault.LOST),
}


@pytest.mark.parametrize("guard", BROKEN)
def test_a_broken_guard_makes_a_cell_red(
    stage: Stage, guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same cell that holds with the guard (docs/crash-matrix.md) does not hold without."""
    command, request, fault = BROKEN[guard]
    monkeypatch.setenv(BREAK, guard)
    with pytest.raises(AssertionError):
        play_cell(stage, command, Cell(command.name, request, fault), 0)
