"""EC2's token buckets, simulated locally: a call waits here instead of being refused by AWS.

Every account and region has them, and a refused call costs a token too, so a clean-up that is
throttled makes its own throttling worse. Figures: EC2 Developer Guide, "Throttling for the EC2 API"
(aws.md §1). Limits are shared with other clients: a refused call empties the local bucket.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Size(NamedTuple):
    """Tokens of a full bucket, and tokens refilled per second."""

    tokens: float
    rate: float


READING = "every action that only reads"
WRITING = "every other action"

SIZES: Mapping[str, Size] = {
    READING: Size(100, 20),
    WRITING: Size(50, 5),
    "RunInstances": Size(5, 2),
    "StartInstances": Size(5, 2),
    "TerminateInstances": Size(100, 5),
    "CreateTags": Size(100, 10),
    "DeleteTags": Size(100, 10),
    "CreateSnapshot": Size(100, 5),
    "CreateVolume": Size(100, 5),
    "DeleteVolume": Size(100, 5),
    "DeleteSnapshot": Size(100, 5),
    "DeregisterImage": Size(100, 5),
    "CreateNetworkInterface": Size(100, 5),
    "DeleteNetworkInterface": Size(100, 5),
    "CopyImage": Size(100, 1),
}
"""One token per call. An action that is not named uses the bucket of its class."""

MACHINES: Mapping[str, Size] = {
    "RunInstances": Size(1000, 2),
    "StartInstances": Size(1000, 2),
    "StopInstances": Size(1000, 20),
    "TerminateInstances": Size(1000, 20),
}
"""In addition, one token for every instance of the call."""

CAUTION = 0.98
"""Part of the rate that is used, because evenly sent requests do not arrive evenly."""


class _Bucket:
    def __init__(self, size: Size, now: float) -> None:
        self._full, self._rate = size.tokens, size.rate * CAUTION
        self._left, self._then = size.tokens, now

    def take(self, count: float, now: float) -> float:
        """Take tokens, possibly in advance; returns the seconds until they are available."""
        self._fill(now)
        self._left -= count
        return max(0.0, -self._left / self._rate)

    def drain(self, now: float) -> None:
        self._fill(now)
        self._left = min(self._left, 0.0)

    def _fill(self, now: float) -> None:
        self._left = min(self._full, self._left + (now - self._then) * self._rate)
        self._then = now


@dataclass
class TokenBuckets:
    """The buckets of one account and region, shared by all threads."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _known: dict[tuple[str, str], _Bucket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, action: str, machines: int = 0) -> None:
        """Return when the action may be sent for so many instances. First come, first served."""
        with self._lock:
            now = self.clock()
            pause = self._bucket("calls", SIZES, class_of(action), now).take(1, now)
            if action in MACHINES:
                pause = max(
                    pause, self._bucket("machines", MACHINES, action, now).take(machines, now)
                )
        if pause > 0:
            self.sleep(pause)

    def refused(self, action: str) -> None:
        """Empty the local bucket: AWS says it is empty, so another client has used it."""
        with self._lock:
            now = self.clock()
            self._bucket("calls", SIZES, class_of(action), now).drain(now)

    def _bucket(self, what: str, sizes: Mapping[str, Size], name: str, now: float) -> _Bucket:
        return self._known.setdefault((what, name), _Bucket(sizes[name], now))


@dataclass
class CallRate:
    """So many calls a second to one API of an account, for all threads; the first few at once."""

    rate: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._bucket = _Bucket(Size(max(self.rate, 1.0), self.rate), self.clock())
        self._lock = threading.Lock()

    def wait(self, **_: object) -> None:
        """Return when the next call may be sent. First come, first served."""
        with self._lock:
            pause = self._bucket.take(1, self.clock())
        if pause > 0:
            self.sleep(pause)


def class_of(action: str) -> str:
    """The bucket that an action takes its token from."""
    if action in SIZES:
        return action
    return READING if action.startswith(("Describe", "Get", "List", "Search")) else WRITING
