"""Writes lines to a stream whose reader may go away.

A reader that closes early (`| head`) or a CI that drops the log must not stop a release: the
work continues without output. Only the work decides how a process ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Iterable
from typing import TextIO

from reconciler.util.humanize import escape_controls, wrapped


def terminal_width() -> int | None:
    """Columns of the terminal that standard output is; None if it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def on_screen(lines: Iterable[str]) -> str:
    """The lines as one text that fits the terminal, if standard output is one."""
    return "\n".join(wrapped(lines, terminal_width()))


class LineWriter:
    """Writes whole lines, one at a time, from any thread; never raises if the reader is gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self.lost = False

    def line(self, text: str) -> None:
        """Write one line, at once."""
        with self._lock:
            if self.lost:
                return
            try:
                self._stream.write(self._sayable(text) + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                self.lost = True
                mute(self._stream)

    def _sayable(self, text: str) -> str:
        """The text in the stream's encoding, with control characters escaped.

        An old locale gets `?` for `→`, not an error.
        """
        encoding = self._stream.encoding or "utf-8"
        return escape_controls(text).encode(encoding, "replace").decode(encoding)


def mute(stream: TextIO) -> None:
    """Redirects a stream without a reader to /dev/null, so that a flush at exit cannot fail."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
