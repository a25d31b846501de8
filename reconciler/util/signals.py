"""SIGINT and SIGTERM: the first starts the clean-up, and only a second Ctrl-C exits at once.

CI kills with SIGTERM, people with Ctrl-C, a closed terminal with SIGHUP: all three mean the same.
The first is raised in the main thread as `Interrupted`, also out of a blocking call, so that the
use case cleans up on its ordinary way out. The clean-up is not interrupted again. Any later signal
is the same request: CI cancels with SIGINT, and sends SIGTERM 7.5 s later to a process that still
cleans up. A second SIGINT is a person who has pressed Ctrl-C again: it ends the process
immediately, with a last message about what may be left. That is safe at any moment, because the
same is left as after a SIGKILL. A SIGINT within a second is the same key press, which the
terminal sent to us, and a wrapper (npm, uv) passed on. What must end before the clean-up is named
at once, so that nobody presses again only because nothing moves.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

ONE_PRESS = 1.0
"""Seconds within which another SIGINT comes from the same key press."""

_SHOW_CURSOR = "\x1b[?25h"


class Interrupted(BaseException):
    """A signal asked us to stop. Not an Exception: only a clean-up may catch it."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum


class _Door:
    """The signals so far. Only the main thread's handler writes, so no lock is needed."""

    def __init__(self, last_words: Callable[[], str]) -> None:
        self.last_words = last_words
        self.first = 0
        self.pressed = math.inf
        """When the first SIGINT came: a later one is a person's second Ctrl-C."""
        self.raised = False
        self.held: list[str] = []
        """What must end before the first signal is raised, the innermost last."""

    def receive(self, signum: int, _: FrameType | None) -> None:
        now = time.monotonic()
        again = now - self.pressed > ONE_PRESS
        if signum == signal.SIGINT:
            self.pressed = min(self.pressed, now)
        if not self.first:
            self.first = signum
            if self.held:
                _announce(f"Stopping; waiting for {self.held[-1]} …")
            self.open()
        elif again and signum == signal.SIGINT:
            self.leave(signum)
        else:
            self.tell(signum)

    def open(self) -> None:
        """Raises the first signal, once, unless it is held back."""
        if self.first and not self.raised and not self.held:
            self.raised = True
            raise Interrupted(self.first)

    def tell(self, signum: int) -> None:
        name, first = (signal.Signals(one).name for one in (signum, self.first))
        more = "one more Ctrl-C leaves" if self.pressed < math.inf else "Ctrl-C twice leaves"
        _write(f"{name}: already cleaning up since {first}; {more} at once\n")

    def leave(self, signum: int) -> NoReturn:
        cursor = _SHOW_CURSOR if os.isatty(2) else ""
        _write(f"{cursor}\n{self.last_words()}\n")
        os._exit(128 + signum)


def _write(text: str) -> None:
    """Writes to the descriptor directly: the interrupted code may hold a stream's lock."""
    with contextlib.suppress(OSError):
        os.write(2, text.encode())


def _on_stderr(text: str) -> None:
    _write(f"{text}\n")


_door: _Door | None = None
_announce: Callable[[str], None] = _on_stderr


def announce_by(listener: Callable[[str], None] | None) -> None:
    """Who says what a first signal waits for; None: a line on stderr.

    It is called in the signal's handler: it may set a value, but take no lock and write nothing.
    """
    global _announce  # noqa: PLW0603  signal handlers are the process's own, and so is this
    _announce = listener or _on_stderr


@contextlib.contextmanager
def handled(last_words: Callable[[], str]) -> Iterator[None]:
    """Inside, the first signal raises Interrupted in the main thread; a second SIGINT exits.

    `last_words` returns what may be left and what to do. A signal that was ignored before (nohup,
    a background job) stays ignored. The old handlers are restored at the end.
    """
    global _door  # noqa: PLW0603  signal handlers are the process's own, and so is this
    door = _door = _Door(last_words)
    before = {one: signal.getsignal(one) for one in SIGNALS}
    heard = [one for one in SIGNALS if before[one] is not signal.SIG_IGN]
    for one in heard:
        signal.signal(one, door.receive)
    try:
        yield
    finally:
        _door = None
        for one in heard:
            signal.signal(one, before[one])


@contextlib.contextmanager
def held_back(by: str) -> Iterator[None]:
    """Inside, a first signal waits: for short operations that must not be interrupted.

    Whoever sends one is told that it waits for `by`.

    It is raised at the end, unless an error is being raised already, which leads to the same
    clean-up. Does nothing outside `handled` or in another thread, where no signal is ever raised.
    """
    door = _door
    if door is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    door.held.append(by)
    try:
        yield
    finally:
        door.held.pop()
    door.open()


def between() -> None:
    """Raises a signal that is held back: one item is done and the next not begun.

    For long work that may stop between two of its items, and in the main thread only.
    """
    door = _door
    if door is None or threading.current_thread() is not threading.main_thread():
        return
    if door.first and not door.raised:
        door.raised = True
        raise Interrupted(door.first)


def pending() -> bool:
    """Whether a signal was received: for loops in other threads, which are never interrupted."""
    return _door is not None and _door.first != 0
