"""The requests that the sandbox received, in order: tests count calls with it."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 100_000


@dataclass(frozen=True)
class LoggedRequest:
    """One request: `time` in epoch seconds, `status` the HTTP status (0: reply dropped)."""

    seq: int
    time: float
    service: str
    action: str
    status: int
    mutating: bool
    fault: str = ""


class RequestLog:
    """The last `KEPT` requests. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[LoggedRequest] = deque(maxlen=KEPT)
        self._next = 1

    def add(self, call: tuple[str, str, bool], status: int, fault: str = "") -> None:
        """Record a finished request; `call` is service, action and whether it mutates."""
        service, action, mutating = call
        with self._lock:
            entry = LoggedRequest(self._next, time.time(), service, action, status, mutating, fault)
            self._entries.append(entry)
            self._next += 1

    def since(self, seq: int = 0) -> list[dict[str, Any]]:
        """Entries after `seq`, oldest first, as JSON-ready dicts."""
        with self._lock:
            return [asdict(entry) for entry in self._entries if entry.seq > seq]

    def clear(self) -> None:
        """Delete all entries; their numbers continue to rise."""
        with self._lock:
            self._entries.clear()
