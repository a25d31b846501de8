"""Waits for a condition, with our own deadline: back-off between checks, no bare sleep."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """How often to check, in seconds: from `first`, growing by half, at most `longest`."""

    first: float = 0.2
    longest: float = 5.0
    deadline: float = 300.0


def looks(pace: Backoff, sleep: Callable[[float], None] = time.sleep) -> Iterator[float]:
    """Yields the seconds since the start, at growing intervals, until past the deadline.

    The last check is at the deadline, so that a condition that becomes true late is still seen.
    """
    start = time.monotonic()
    wait = pace.first
    while True:
        elapsed = time.monotonic() - start
        yield elapsed
        left = pace.deadline - elapsed
        if left <= 0:
            return
        sleep(min(wait, left))
        wait = min(wait * 1.5, pace.longest)
