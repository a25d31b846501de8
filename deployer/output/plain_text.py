"""A release as plain text: one line per event, and a heartbeat in silent steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from deployer import events as e
from deployer.output import summary
from deployer.output.board import Board, fold
from reconciler.util import humanize
from reconciler.util.line_writer import LineWriter

HEARTBEAT = 15.0
"""Seconds without output after which a running step prints a heartbeat line."""


def line(event: e.Event, board: Board) -> list[tuple[str, str]]:
    """The lines of an event, as (subject, text); `board` is the state after it."""
    if isinstance(event, e.CleanUpBegan):
        return [("undo", _undoing(event, board))]
    if isinstance(event, e.CleanUpDone):
        return [("undo", line.strip()) for line in summary.removed(board)]
    if isinstance(event, e.Expected):
        return _expected(board)
    if isinstance(event, e.ReleaseBegan):
        return [_release(event), *_expected(board)]
    say = _SAY.get(type(event))
    return [say(event)] if say else []


def _release(event: e.ReleaseBegan) -> tuple[str, str]:
    change = f"{event.was} → {event.release}" if event.was else event.release
    return event.service, f"{change}  {event.deploy}"


def _expected(board: Board) -> list[tuple[str, str]]:
    """Said once both are known: that a release has begun, and what an earlier one took."""
    known = board.expected
    if known is None or not board.service:
        return []
    total = sum(known.seconds.get(step, 0.0) for step in board.rows)
    return [("time", f"about {humanize.span(total)} in all, as {known.release} took")]


def _undoing(event: e.CleanUpBegan, board: Board) -> str:
    """The reason, unless the previous line has already shown it."""
    failed = board.failure
    known = failed is not None and failed.message == event.reason
    text = summary.undoing(board).lower()
    return text if known else f"{text}: {event.reason}"


def _failed(event: e.StepFailed) -> tuple[str, str]:
    """The guard is the first step: nothing is undone, so the full reason follows at once."""
    return event.step, "refused" if event.step == "guard" else f"FAILED: {event.message}"


def _done(event: e.StepDone) -> tuple[str, str]:
    return event.step, f"{event.text} ({humanize.elapsed(event.seconds)})"


def _thaw(event: e.FreezeEnded) -> tuple[str, str]:
    who = "the new database" if event.cut_over else "live"
    return "freeze", f"{who} takes writes, after {humanize.elapsed(event.seconds)}"


_SAY: Mapping[type, Callable[[Any], tuple[str, str]]] = {
    e.StepNote: lambda event: (event.step, event.text),
    e.StepDone: _done,
    e.StepFailed: _failed,
    e.FreezeBegan: lambda event: (
        "freeze",
        f"live refuses writes (gives up at {humanize.clock(event.limit)})",
    ),
    e.FreezeEnded: _thaw,
    e.CleanUpItem: lambda event: ("undo", summary.item(event).strip()),
    e.Warned: lambda event: ("warning", event.text),
}
"""The beginning of a step is not printed; its first note, heartbeat or end is."""


class Plain:
    """Writes lines with the time in UTC. Thread-safe; never raises; `close` ends its thread."""

    def __init__(
        self,
        stream: TextIO,
        clock: Callable[[], float] = time.time,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self.board = Board()
        self._pen = LineWriter(stream)
        self._clock = clock
        self._heartbeat = heartbeat
        self._spoke: dict[str, float] = {}
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, event: e.Event) -> None:
        """Write the lines of the event."""
        with self._lock:
            now = self._clock()
            self.board = fold(self.board, event, now)
            for subject, text in line(event, self.board):
                self._say(now, subject, text)
            if isinstance(event, e.StepBegan):
                self._spoke[event.step] = now
                self._watch()

    def beat(self) -> None:
        """Write a heartbeat line for every step that has been silent for that long."""
        with self._lock:
            now = self._clock()
            for row in self.board.running:
                if now - self._spoke.get(row.step, row.began) >= self._heartbeat:
                    text = row.text or "still going"
                    left = summary.time_left(self.board, now)
                    more = f"; {left}" if left else ""
                    self._say(now, row.step, f"{text}, {row.took(now):.0f}s{more}")

    def close(self) -> None:
        """End the heartbeat. Safe to call twice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _say(self, now: float, subject: str, text: str) -> None:
        self._spoke[subject] = now
        at = datetime.fromtimestamp(now, UTC)
        self._pen.line(f"{at:%H:%M:%S} {subject:<9} {humanize.one_line(text)}")

    def _watch(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._beats, name="heartbeat", daemon=True)
            self._thread.start()

    def _beats(self) -> None:
        while not self._stop.wait(min(self._heartbeat / 3, 1.0)):
            self.beat()
