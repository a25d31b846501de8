"""A clock on which nobody waits: who sleeps by it moves it on.

AWS's pace goes by it in the clients of this process (token buckets, and calls a second): as much is
taken and refilled as in real time, and a test is over at once.
"""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest

from reconciler.aws.client import session
from reconciler.aws.client.throttle import CallRate, TokenBuckets


class SkippingClock:
    """`now` is the real clock's time and all that was slept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.skipped = 0.0

    def now(self) -> float:
        """Seconds, as `time.monotonic`."""
        with self._lock:
            return time.monotonic() + self.skipped

    def sleep(self, seconds: float) -> None:
        """Let that much time pass, at once."""
        with self._lock:
            self.skipped += seconds


def skip_the_pace_of_aws(monkeypatch: pytest.MonkeyPatch) -> SkippingClock:
    """Every client that is made from now on keeps AWS's pace by a clock of its own."""
    clock = SkippingClock()
    buckets = partial(TokenBuckets, clock=clock.now, sleep=clock.sleep)
    monkeypatch.setattr(session, "TokenBuckets", buckets)
    monkeypatch.setattr(session, "CallRate", partial(CallRate, clock=clock.now, sleep=clock.sleep))
    return clock
