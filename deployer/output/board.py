"""The state of a release, as one value folded from its events. Pure: the clock is an argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from deployer import events as e
from reconciler.util.humanize import one_line, progress


class Mark(Enum):
    """The state of a step."""

    AHEAD = "·"
    RUNNING = "⠸"
    DONE = "✓"
    FAILED = "✗"


@dataclass(frozen=True)
class Pace:
    """How a step goes on by its own figures: `done` at `since`, and what is left as of `at`."""

    since: float
    done: int
    at: float = 0.0
    left: float | None = None

    def after(self, event: e.StepProgress, now: float) -> Pace:
        """The pace at `now`, from its first figure on."""
        more = (event.done or 0) - self.done
        rest = (event.total or 0) - (event.done or 0)
        left = rest * (now - self.since) / more if more > 0 and rest > 0 else None
        return replace(self, at=now, left=left)


@dataclass(frozen=True)
class StepRow:
    """One step. `began` is a time on the clock of `fold`; `seconds` is its duration once ended."""

    step: str
    mark: Mark = Mark.AHEAD
    text: str = ""
    began: float = 0.0
    seconds: float | None = None
    pace: Pace | None = None

    def took(self, now: float) -> float:
        """Its duration in seconds, so far or in all."""
        return now - self.began if self.seconds is None else self.seconds


@dataclass(frozen=True)
class FreezeSpan:
    """The live database has refused writes since `began`; the limit is `limit` seconds."""

    began: float
    limit: float


@dataclass(frozen=True)
class Board:
    """Everything that the display of a release shows."""

    service: str = ""
    deploy: str = ""
    release: str = ""
    was: str = ""
    rows: Mapping[str, StepRow] = field(default_factory=dict)
    expected: e.Expected | None = None
    freeze: FreezeSpan | None = None
    thawed: float | None = None
    undoing: str = ""
    keeps: bool = False
    undone: tuple[e.CleanUpItem, ...] = ()
    removed: e.CleanUpDone | None = None
    failure: e.StepFailed | None = None
    warnings: tuple[str, ...] = ()
    live: bool = False
    over: bool = False

    @property
    def begun(self) -> tuple[StepRow, ...]:
        """The steps that have begun, in order."""
        return tuple(row for row in self.rows.values() if row.mark is not Mark.AHEAD)

    @property
    def ahead(self) -> tuple[StepRow, ...]:
        """The steps still to come: those after the last begun step."""
        rows = list(self.rows.values())
        last = max((n for n, row in enumerate(rows) if row.mark is not Mark.AHEAD), default=-1)
        return tuple(rows[last + 1 :])

    @property
    def running(self) -> tuple[StepRow, ...]:
        """The running steps."""
        return tuple(row for row in self.rows.values() if row.mark is Mark.RUNNING)

    def left(self, now: float) -> float | None:
        """Seconds that the steps to come will take, by an earlier release; None: not known."""
        usual = self.expected.seconds if self.expected else {}
        ahead = sum(usual.get(row.step, 0.0) for row in self.ahead)
        if not usual or not (self.running or self.ahead):
            return None
        return ahead + sum(
            max(0.0, usual.get(row.step, 0.0) - row.took(now)) for row in self.running
        )

    def with_row(self, row: StepRow) -> Board:
        """The board with one step replaced by `row`."""
        return replace(self, rows={**self.rows, row.step: row})

    def row(self, step: str) -> StepRow:
        """The state of a step."""
        return self.rows.get(step, StepRow(step))


def fold(board: Board, event: e.Event, now: float) -> Board:
    """The board after `event`, which came at `now` (seconds on any monotonic clock)."""
    apply = _FOLDS.get(type(event))
    return apply(board, event, now) if apply else board


def _release(board: Board, event: e.ReleaseBegan, _: float) -> Board:
    rows = {step: StepRow(step) for step in event.steps} | dict(board.rows)
    return replace(
        board,
        service=event.service,
        deploy=event.deploy,
        release=event.release,
        was=event.was,
        rows=rows,
    )


def _expected(board: Board, event: e.Expected, _: float) -> Board:
    return replace(board, expected=event)


def _began(board: Board, event: e.StepBegan, now: float) -> Board:
    return board.with_row(StepRow(event.step, Mark.RUNNING, began=now))


def _note(board: Board, event: e.StepNote, _: float) -> Board:
    return board.with_row(replace(board.row(event.step), text=one_line(event.text)))


def _progress(board: Board, event: e.StepProgress, now: float) -> Board:
    amount = progress(event.done, event.total, event.unit)
    text = " ".join(filter(None, (one_line(event.text), amount)))
    row = board.row(event.step)
    if event.done is not None and event.total:
        pace = row.pace.after(event, now) if row.pace else Pace(now, event.done)
        row = replace(row, pace=pace)
    return board.with_row(replace(row, text=text))


def _done(board: Board, event: e.StepDone, _: float) -> Board:
    row = replace(
        board.row(event.step), mark=Mark.DONE, text=one_line(event.text), seconds=event.seconds
    )
    # Once the record has changed, nothing is undone any more: show the release as live.
    return replace(board.with_row(row), live=board.live or event.step == "commit")


def _failed(board: Board, event: e.StepFailed, now: float) -> Board:
    row = board.row(event.step)
    row = replace(row, mark=Mark.FAILED, text=one_line(event.message), seconds=row.took(now))
    return replace(board.with_row(row), failure=event)


def _freeze(board: Board, event: e.FreezeBegan, now: float) -> Board:
    return replace(board, freeze=FreezeSpan(now, event.limit))


def _thaw(board: Board, event: e.FreezeEnded, _: float) -> Board:
    return replace(board, freeze=None, thawed=None if event.cut_over else event.seconds)


def _undoing(board: Board, event: e.CleanUpBegan, now: float) -> Board:
    rows = {
        step: replace(row, mark=Mark.FAILED, seconds=row.took(now))
        if row.mark is Mark.RUNNING
        else row
        for step, row in board.rows.items()
    }
    return replace(board, undoing=one_line(event.reason), keeps=event.keeps, rows=rows)


def _item(board: Board, event: e.CleanUpItem, _: float) -> Board:
    others = tuple(one for one in board.undone if (one.kind, one.id) != (event.kind, event.id))
    return replace(board, undone=(*others, event))


def _undone(board: Board, event: e.CleanUpDone, _: float) -> Board:
    return replace(board, removed=event)


def _live(board: Board, _: e.Released | e.RolledBack, __: float) -> Board:
    return replace(board, live=True, over=True)


def _warned(board: Board, event: e.Warned, _: float) -> Board:
    return replace(board, warnings=(*board.warnings, one_line(event.text)))


_FOLDS: Mapping[type, Callable[[Board, Any, float], Board]] = {
    e.ReleaseBegan: _release,
    e.Expected: _expected,
    e.StepBegan: _began,
    e.StepNote: _note,
    e.StepProgress: _progress,
    e.StepDone: _done,
    e.StepFailed: _failed,
    e.FreezeBegan: _freeze,
    e.FreezeEnded: _thaw,
    e.CleanUpBegan: _undoing,
    e.CleanUpItem: _item,
    e.CleanUpDone: _undone,
    e.Released: _live,
    e.RolledBack: _live,
    e.Warned: _warned,
}
