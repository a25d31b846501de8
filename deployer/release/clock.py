"""A clock that includes suspended time: leases expire and clients wait while a laptop sleeps."""

from __future__ import annotations

import time


def elapsed() -> float:
    """Seconds since an arbitrary start, including the time the machine was suspended, if known.

    `time.monotonic` stops while Linux is suspended.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
