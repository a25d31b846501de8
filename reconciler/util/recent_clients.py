"""Keeps the clients that were used last: a client of EC2 takes 1.5 MB, and a thousand would stay.

A client that is in use is kept by whoever uses it; one that was dropped is made again when it is
asked for. A process of one account never has so many.
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
    _dropped: int = 0

    def used(self, key: object, drop: Callable[[], None]) -> None:
        """The client of this key was asked for; `drop` forgets it when it is its turn."""
        with self._lock:
            self._used[key] = drop
            self._used.move_to_end(key)
            over = len(self._used) - self.most
            oldest = [self._used.popitem(last=False)[1] for _ in range(over)]
            self._dropped += len(oldest)
            collect = bool(oldest) and self._dropped % self.most == 0
        for forget in oldest:
            forget()
        if collect:
            gc.collect()  # a client is a cycle, and automatic collections are rare here


RECENT = RecentClients()
"""Of this process."""
