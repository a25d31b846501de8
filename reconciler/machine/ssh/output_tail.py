"""The end of an output of any length, in bounded memory."""

from __future__ import annotations

KEEP = 1 << 20
"""Bytes of each stream that a CommandResult carries."""

SHOWN_LINES = 40


class Tail:
    """Keeps the last `limit` bytes of what is added; never more than twice that in memory."""

    def __init__(self, limit: int = KEEP) -> None:
        self._limit = limit
        self._kept = bytearray()

    def add(self, data: bytes) -> None:
        """Appends data and drops the oldest bytes. Amortised O(len(data))."""
        self._kept += data
        if len(self._kept) > 2 * self._limit:
            del self._kept[: -self._limit]

    def read(self) -> bytes:
        """The last `limit` bytes."""
        return bytes(self._kept[-self._limit :])

    def last_lines(self, count: int = SHOWN_LINES) -> str:
        """The last `count` lines as text, for an error's detail."""
        lines = self.read().decode("utf-8", "replace").rstrip("\n").split("\n")
        return "\n".join(lines[-count:])
