"""A release as JSON: one object a line, first the version, last the result."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TextIO

from deployer import events as e
from deployer.output.board import Board, fold
from reconciler.util.line_writer import LineWriter


class JsonLines:
    """Writes each event as it arrives. Thread-safe; never raises."""

    def __init__(
        self, stream: TextIO, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.board = Board()
        self._pen = LineWriter(stream)
        self._clock = clock
        self(e.Version(e.SCHEMA, version("deploysweep")))

    def __call__(self, event: e.Event) -> None:
        """Write the event."""
        at = self._clock()
        self.board = fold(self.board, event, at.timestamp())
        self._pen.line(json.dumps(e.to_json(event, at), ensure_ascii=False))

    def close(self) -> None:
        """Nothing to end."""
