"""What all doors share: the names of the requests so far, and the one that a fault waits for.

A name says what a request does and about what, never which number it has among all: `up` asks from
several threads, and a number would be another one's in the next run. Where the same thing is done
again it is `… #2`.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


class Fault(Enum):
    """What befalls a request."""

    KILL_BEFORE = "killed before"
    KILL_AFTER = "killed after"
    LOST = "reply lost"
    TWICE = "twice"
    LATE = "again, late"
    THROTTLED = "throttled 3×"
    FAILED = "500 after"


THROTTLES = 3
EVERY = "every request"
"""The name of a blow that befalls each of them, once, where a command survives it."""


@dataclass(frozen=True)
class Blow:
    """A fault and the name of the request that it waits for."""

    name: str
    fault: Fault


@dataclass
class Watch:
    """The book of requests, in their order. Thread-safe."""

    blow: Blow | None = None
    struck: int = 0
    struck_at: int = 0
    names: list[str] = field(default_factory=list)
    reads: int = 0
    late: list[Callable[[], None]] = field(default_factory=list)
    _victim: int = 0
    _counts: Counter[str] = field(default_factory=Counter)
    _blows: Counter[str] = field(default_factory=Counter)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def begin(self, blow: Blow | None = None) -> None:
        """A new command: nothing was asked yet, and `blow` waits."""
        with self._lock:
            self.blow, self.struck, self.struck_at, self.reads = blow, 0, 0, 0
            self.names.clear()
            self.late.clear()
            self._counts.clear()
            self._blows.clear()

    def accuse(self, pid: int) -> None:
        """This process is the one to kill."""
        self._victim = pid

    def passes(self, name: str, possible: frozenset[Fault]) -> Fault | None:
        """Note a request; what befalls it, None on a good day.

        Raises AssertionError for a fault that such a request cannot have.
        """
        with self._lock:
            nth = self._counts[name] + 1
            full = name if nth == 1 else f"{name} #{nth}"
            if self.blow is None or not self._strikes(self.blow, name, full, possible):
                self._note(name, full)
                return None
            fault = self.blow.fault
            assert fault in possible, self.blow
            self.struck += 1
            self._blows[name] += 1
            if fault is not Fault.THROTTLED:  # refused, it was never made: it will come again
                self._note(name, full)
            self.struck_at = len(self.names)
            return fault

    def _strikes(self, blow: Blow, name: str, full: str, possible: frozenset[Fault]) -> bool:
        if blow.name != full and not (blow.name == EVERY and _is_survived(blow.fault, possible)):
            return False
        # By name: what comes again after a lost answer is let through.
        return self._blows[name] < (THROTTLES if blow.fault is Fault.THROTTLED else 1)

    def _note(self, name: str, full: str) -> None:
        self._counts[name] += 1
        self.names.append(full)

    def read(self) -> None:
        """Note a request that changes nothing."""
        with self._lock:
            self.reads += 1

    def slay(self) -> None:
        """SIGKILL the command, and return when it can do nothing more."""
        os.kill(self._victim, signal.SIGKILL)
        while not _is_dead(self._victim):
            time.sleep(0.001)

    def land(self) -> None:
        """Deliver what was kept back for later."""
        for deliver in self.late:
            deliver()
        self.late.clear()


def _is_survived(fault: Fault, possible: frozenset[Fault]) -> bool:
    """Of AWS everything but a kill; a lost answer of SSH or PostgreSQL ends a command."""
    is_aws = Fault.THROTTLED in possible
    return fault in possible and (is_aws or fault is Fault.TWICE)


def _is_dead(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"
