"""A release on a terminal: one view as wide as that, redrawn in place."""

from __future__ import annotations

import threading
import time
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.live import Live
from rich.text import Text

from deployer import events as e
from deployer.output import summary
from deployer.output.board import Board, Mark, StepRow, fold
from reconciler.util import humanize, signals

WIDTH = 80
WIDEST = 120
"""Columns: on a wider terminal the eye would lose the line between a step and its time."""
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAMES_A_SECOND = 8

_STYLE = {Mark.RUNNING: "cyan", Mark.DONE: "green", Mark.FAILED: "bold red", Mark.AHEAD: "dim"}
_INDENT = 14


def picture(board: Board, now: float, width: int = WIDTH, stopping: str = "") -> Text:
    """The view of the board at `now`. Colour only supports the text.

    `stopping`: what a signal that has come waits for.
    """
    width = min(width, WIDEST)
    lines = [_title(board, width)] if board.service else []
    for row in board.begun:
        lines.append(_step(row, now, width))
        if row.step == _freeze_shown_at(board):
            lines.append(_freeze(board, now))
    lines += [Text(f" ! {warning}", "yellow") for warning in board.warnings]
    lines += _ahead(board, width) + _left(board, now) + _foot(board, stopping)
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n", end="").join(lines)


def _title(board: Board, width: int) -> Text:
    """Names are cut before the id: that is what one copies."""
    change = f"{board.was} → {board.release}" if board.was else board.release
    left = Text.assemble((board.service, "bold"), "   ", change)
    left.truncate(max(width - cell_len(board.deploy) - 2, 0), overflow="ellipsis")
    gap = max(width - left.cell_len - cell_len(board.deploy), 2)
    return left.append(" " * gap).append(board.deploy, "dim")


def _step(row: StepRow, now: float, width: int) -> Text:
    """One step on one line; a failure is shown in full below the view (`summary.failed`)."""
    took = humanize.elapsed(row.took(now))
    room = width - _INDENT - len(took) - 1
    sign = SPINNER[int(now * FRAMES_A_SECOND) % len(SPINNER)]
    sign = sign if row.mark is Mark.RUNNING else row.mark.value
    line = Text.assemble(" ", (sign, _STYLE[row.mark]), f" {row.step:<{_INDENT - 3}}")
    return line.append(set_cell_size(_fit(row.text, room), room)).append(f" {took}", "dim")


def _fit(text: str, room: int) -> str:
    return text if cell_len(text) <= room else set_cell_size(text, room - 1) + "…"


def _freeze_shown_at(board: Board) -> str:
    """The step to show the freeze below: the last running one, which the freeze waits for."""
    if board.freeze is None or not board.running:
        return ""
    return board.running[-1].step


def _freeze(board: Board, now: float) -> Text:
    assert board.freeze is not None
    since = humanize.clock(now - board.freeze.began)
    limit = humanize.clock(board.freeze.limit)
    return Text(
        f"{'':{_INDENT}}live has refused writes for {since} (gives up at {limit})", "yellow"
    )


def _ahead(board: Board, width: int) -> list[Text]:
    """The remaining steps, on as many lines as needed."""
    lines: list[str] = []
    for row in () if board.undoing or board.failure else board.ahead:
        item = f"{Mark.AHEAD.value} {row.step}"
        if lines and len(lines[-1]) + 2 + len(item) <= width:
            lines[-1] += f"  {item}"
        else:
            lines.append(f" {item}")
    return [Text(line, "dim") for line in lines]


def _left(board: Board, now: float) -> list[Text]:
    said = summary.time_left(board, now)
    return [Text(f" {said}", "dim")] if said else []


def _foot(board: Board, stopping: str) -> list[Text]:
    if board.removed is not None or board.over:
        return []  # the result is printed below the view (`summary`)
    again = Text("Ctrl-C again leaves at once; the next sweep removes what is left.", "dim")
    if board.undoing:
        busy = [event for event in board.undone if event.fate not in ("done", "gone")]
        gone = len(board.undone) - len(busy)
        tail = f"; waiting for {busy[-1].kind} {busy[-1].id}" if busy else ""
        made = humanize.count(len(board.undone), "resource")
        done = f"{gone} of {made} gone{tail}" if board.undone else "nothing to remove yet"
        return [
            Text(f"{summary.undoing(board)}: {board.undoing}"),
            Text(f"  {done}"),
            again,
        ]
    if stopping:
        return [Text(stopping), again]
    if board.live:
        return [Text(f"{board.service} is live on {board.release}; this is not undone.", "dim")]
    goes_on = f"; live goes on as {board.was}" if board.was else ""
    return [Text(f"Ctrl-C undoes everything so far{goes_on}.", "dim")] if board.service else []


class Terminal:
    """Draws on every event, and updates the clocks in between. Thread-safe; never raises."""

    def __init__(self, stream: TextIO) -> None:
        self.board = Board()
        self._stopping = ""
        self._lock = threading.Lock()
        self._console = Console(file=stream, highlight=False, soft_wrap=False)
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=FRAMES_A_SECOND,
            vertical_overflow="visible",
            redirect_stdout=False,
        )
        self._drawing = False

    def __call__(self, event: e.Event) -> None:
        """Process the event; the view is updated within a frame.

        Nothing is drawn before a release or a note: a refusal is shown as text alone.
        """
        with self._lock:
            self.board = fold(self.board, event, time.monotonic())
        if not self._drawing and isinstance(event, e.ReleaseBegan | e.StepNote):
            self._drawing = True
            signals.announce_by(self._stop)
            self._live.start()

    def close(self) -> None:
        """Draw the last view and restore the cursor. Safe to call twice."""
        if self._drawing:
            self._drawing = False
            signals.announce_by(None)
            self._live.stop()

    def _stop(self, text: str) -> None:
        self._stopping = text

    def _draw(self) -> Text:
        with self._lock:
            board = self.board
        return picture(board, time.monotonic(), self._console.width, self._stopping)
