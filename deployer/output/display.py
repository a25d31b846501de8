"""Chooses the display of a release: JSON for programs, a live view on a terminal, else lines."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Protocol, TextIO

from deployer import events as e
from deployer.output import summary
from deployer.output.board import Board
from reconciler.exit_codes import Exit
from reconciler.util.line_writer import LineWriter
from reconciler.util.secret import redact


class Display(Protocol):
    """A listener with a board; call `close` before anything else is written to its stream."""

    board: Board

    def __call__(self, event: e.Event) -> None:
        """Process an event. Thread-safe; never raises."""

    def close(self) -> None:
        """End the display. Safe to call twice."""


def choose(out: TextIO, err: TextIO, *, as_json: bool) -> Display:
    """The display for these streams: JSON goes to `out`, everything else to `err`."""
    if as_json:
        from deployer.output.json_lines import JsonLines

        return JsonLines(out)
    if err.isatty() and os.environ.get("TERM") != "dumb":
        from deployer.output.terminal import Terminal

        return Terminal(err)
    from deployer.output.plain_text import Plain

    return Plain(err)


def result(event: e.Event) -> list[str]:
    """The lines of an event that is a command's result; empty for most."""
    if isinstance(event, e.Released):
        return summary.released(event)
    return summary.rolled_back(event) if isinstance(event, e.RolledBack) else []


def redacted(event: e.Event) -> e.Event:
    """The event without passwords that a message or a machine's output may contain."""
    texts = {field.name: getattr(event, field.name) for field in fields(event)}
    clean: dict[str, Any] = {
        name: redact(text) for name, text in texts.items() if isinstance(text, str)
    }
    return replace(event, **clean)


class TerminalStage:
    """A display and the result's stream as one listener: progress there, the result here."""

    def __init__(self, out: TextIO, err: TextIO, *, as_json: bool) -> None:
        self.as_json = as_json
        self.recorder: e.Listener = e.ignore
        self._display = choose(out, err, as_json=as_json)
        self._stream = err
        self._out = LineWriter(out)
        self._lock = threading.Lock()
        self._ended = False
        self._err = LineWriter(err)

    @property
    def board(self) -> Board:
        """The state of the release."""
        return self._display.board

    def __call__(self, event: e.Event) -> None:
        """Show the event, and its result. Passwords in a machine's output are removed first."""
        event = redacted(event)
        self._display(event)
        self.recorder(event)
        lines = [] if self.as_json else result(event)
        if lines:
            self._display.close()
        for line in lines:
            self._out.line(line)
        if lines:
            self._go_on_in_lines()

    def expect(self, event: e.Event) -> None:
        """Show what another thread has found out, unless the end has been shown meanwhile."""
        with self._lock:
            if not self._ended:
                self(event)

    def _end(self) -> None:
        with self._lock:
            self._ended = True

    def _go_on_in_lines(self) -> None:
        """What comes after the result (a bake) is not drawn over it."""
        from deployer.output.plain_text import Plain

        plain = Plain(self._stream)
        plain.board = self._display.board
        self._display = plain

    def say(self, text: str) -> None:
        """Print a line of the result."""
        self._out.line(text)

    def end(self, code: int, answer: Mapping[str, Any]) -> None:
        """Emit the last line of a successful stream, with the command's answer."""
        self._end()
        if self.as_json:
            self._display(e.Result(code, answer=answer))

    def fail(self, code: int, message: str, detail: str, cure: str) -> None:
        """Show why the command ended, the present state, and the next command."""
        self._end()
        self.close()
        if self.as_json:
            self._display(e.Result(code, message, detail, cure))
            return
        lines_of = summary.refused if code == Exit.REFUSED else summary.failed
        for line in lines_of(self.board, message, detail) + cure.splitlines():
            self._err.line(line)

    def close(self) -> None:
        """End the display. Safe to call twice."""
        self._end()
        self._display.close()
