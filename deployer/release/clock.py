"""The clock of what goes on without us: clients wait, and leases run out, while a laptop sleeps."""

from __future__ import annotations

import time


def elapsed() -> float:
    """Seconds since some moment, those included that this machine has slept (as far as it tells).

    `time.monotonic` stands still while Linux is suspended.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
