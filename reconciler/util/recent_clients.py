"""Keeps the clients that were used last: a client of EC2 takes 1.5 MB, and a thousand would stay.

A client that is in use is kept by whoever uses it; one that was dropped is made again when it is
asked for. A process of one account never has so many. A client is a cycle, which only a collection
frees, and automatic ones are rare here (`gc_tuning`): what very many clients leave gets its own.
"""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

MOST = 16
"""Clients that are kept, of all accounts and regions together."""


@dataclass
class RecentClients:
    """In the order of their last use. Thread-safe."""

    most: int = MOST
    _used: OrderedDict[object, Callable[[], None]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _left: int = 0
    """Of clients, in quarters of one of EC2, since the last collection."""

    def used(self, key: object, drop: Callable[[], None]) -> None:
        """The client of this key was asked for; `drop` forgets it when it is its turn."""
        with self._lock:
            self._used[key] = drop
            self._used.move_to_end(key)
            over = len(self._used) - self.most
            oldest = [self._used.popitem(last=False)[1] for _ in range(over)]
            collect = self._leave(4 * len(oldest))
        for forget in oldest:
            forget()
        if collect:
            gc.collect()

    def passed(self) -> None:
        """A small client is made for one call, and kept by nobody: STS's, once an account."""
        with self._lock:
            collect = self._leave(1)
        if collect:
            gc.collect()

    def _leave(self, quarters: int) -> bool:
        """Whether it is time to collect."""
        self._left += quarters
        due = self._left >= 4 * self.most
        self._left = 0 if due else self._left
        return due


RECENT = RecentClients()
"""Of this process."""
