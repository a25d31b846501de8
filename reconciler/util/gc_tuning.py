"""Tunes the memory of a process that ends soon, as every command's does.

A command creates values without reference cycles. With the default settings of Python's own garbage
collector a sweep of a large account spent a quarter of its time scanning them again and again.
"""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

SELDOM = 50_000
"""New objects between two runs of the collector."""


HEAPS = 2
_M_ARENA_MAX = -8
"""From glibc's malloc.h."""


def share_heaps() -> None:
    """Threads share two heaps from now on, before there are any.

    glibc gives each thread a heap of its own, which keeps what the largest page took: with a thread
    for each kind and region a quarter of a command's memory. Without glibc nothing happens.
    """
    import ctypes  # a hundredth of a second for every other command

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, HEAPS)


def begin() -> None:
    """The collector runs seldom from now on."""
    gc.set_threshold(SELDOM)


def leave(code: int) -> NoReturn:
    """Ends the process with this exit code.

    The remaining objects are not collected: Python would scan all of them several times first,
    which is a sixth of a short command's time.
    """
    gc.freeze()
    sys.exit(code)
