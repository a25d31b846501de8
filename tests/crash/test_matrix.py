"""A part of the crash matrix that rotates with the commit, and proof that every column can be red.

A cell is seconds of two processors (`make crash` plays them all). What fits here, about a tenth of
the matrix: all that `up` asks for, befallen by something that it has to survive, in one run; and
some cells that end a command, one by one.
"""

from __future__ import annotations

import random

import pytest

from tests.crash.fault_injection import LACKS
from tests.crash.matrix.__main__ import DOCUMENT
from tests.crash.matrix.cells import Cell, play_cell
from tests.crash.matrix.commands import COMMANDS
from tests.crash.matrix.page import NO_COMMIT, this_commit
from tests.crash.matrix.stage import Stage
from tests.crash.matrix.table import requests_of
from tests.crash.proxies import EVERY, Fault
from tests.mutants.guard import guards

pytestmark = pytest.mark.timeout(400)

KILLED = (Fault.KILL_BEFORE, Fault.KILL_AFTER)
SURVIVED = (Fault.LOST, Fault.TWICE, Fault.LATE, Fault.THROTTLED, Fault.FAILED)
COLUMNS = 2
CELLS = 4
"""So many runs of a whole column, and cells that end a command; which ones, the commit says."""

UP = COMMANDS[0]
NAMED = {one.name: one for one in COMMANDS}


def _chance() -> random.Random:
    commit = this_commit().partition("+")[0]
    return random.Random(commit if commit != NO_COMMIT else "0")


@pytest.mark.parametrize("draw", range(COLUMNS))
def test_a_release_survives_a_column_of_the_matrix_at_once(stage: Stage, draw: int) -> None:
    """What befalls all its requests is no more than a delay: it goes live, whole and alone."""
    fault = _chance().sample(SURVIVED, COLUMNS)[draw]
    outcome = play_cell(stage, UP, Cell(UP.name, EVERY, fault), 0)
    assert outcome.word == UP.done


def test_some_cells_hold(stage: Stage) -> None:
    """Of a command of this shape, by the page's rows: each is met, ends it, and is recovered."""
    rows = requests_of(DOCUMENT.read_text())
    assert rows.keys() == NAMED.keys()
    near = [one for one in rows if NAMED[one].shape == stage.shape]
    cells = [Cell(one, row, fault) for one in near for row in rows[one] for fault in KILLED]
    for cell in _chance().sample(cells, CELLS):
        play_cell(stage, NAMED[cell.command], cell, len(rows[cell.command]))


LACKING = {
    Fault.KILL_BEFORE: (
        "a sweep opens the database of a live deploy that is shut",
        "new database: CREATE DATABASE",
    ),
    Fault.KILL_AFTER: ("a sweep passes over no kind", "CreateImage"),
    Fault.LOST: ("a launch is sent with its token", "RunInstances"),
    Fault.TWICE: ("a launch is sent with its token", "RunInstances"),
    Fault.LATE: ("a swap deletes exactly the value that was read", "swap: acquire"),
    Fault.THROTTLED: ("a call that AWS refuses for now is repeated", "CreateImage"),
    Fault.FAILED: ("a launch is sent with its token", "RunInstances"),
}
"""For every column a guard (`tests/mutants/guards`), and a cell of `up` that holds with it
(docs/crash-matrix.md)."""


def test_each_column_lacks_a_guard_of_the_list() -> None:
    """One that can be taken from a process: a function holds it."""
    scopes = {guard.name: guard.scope for guard in guards()}
    assert [name for name, _ in LACKING.values() if not scopes.get(name)] == []
    assert set(LACKING) == set(Fault)


@pytest.mark.crash
@pytest.mark.parametrize("fault", Fault, ids=lambda one: one.value)
def test_a_missing_guard_makes_a_cell_red(
    stage: Stage, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every column is able to fail: without one guard, what holds on the page does not hold."""
    guard, request = LACKING[fault]
    monkeypatch.setenv(LACKS, guard)
    with pytest.raises(AssertionError):
        play_cell(stage, UP, Cell(UP.name, request, fault), 0)
