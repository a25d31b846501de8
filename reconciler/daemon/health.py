"""Whether the loop does its work: red when no complete sweep is recent enough. Pure.

Complete means that everything that was to be looked at was seen. What could not be removed is dirt
and stands in the metrics; what could not be seen is blindness, and only that is ill health.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.daemon.schedule import Intervals
from reconciler.util import humanize

LONGEST_ROUND = 900.0
"""Seconds that a round under way may take before its own time counts against it: machines shut
down gracefully, and only then their disks can go."""

_TWICE = 2


@dataclass(frozen=True)
class LoopStatus:
    """What the loop has done so far; times are seconds on the loop's clock.

    `complete` and `full` are when the last complete round of any kind, and the last complete full
    one, ended: when the loop began, before the first. `running` is when the present one began.
    """

    complete: float
    full: float
    running: float | None = None
    rounds: int = 0
    why: str = ""

    @staticmethod
    def born(now: float) -> LoopStatus:
        """Before the first round: it has as long as any other."""
        return LoopStatus(now, now)

    def begun(self, now: float) -> LoopStatus:
        """A round begins."""
        return replace(self, running=now)

    def ended(self, now: float, *, full: bool, why: str) -> LoopStatus:
        """The round has ended; `why` says what it missed, '' for a complete one."""
        rounds = self.rounds + 1
        if why:
            return replace(self, running=None, rounds=rounds, why=why)
        last_full = now if full else self.full
        return LoopStatus(now, last_full, running=None, rounds=rounds)


def problems(pulse: LoopStatus, intervals: Intervals, now: float) -> tuple[str, ...]:
    """Why the loop is not well; empty when it is."""
    working = 0.0 if pulse.running is None else min(now - pulse.running, LONGEST_ROUND)
    found = [
        _late("sweep", now - pulse.complete - working, intervals.every),
        _late("full sweep", now - pulse.full - working, intervals.full),
    ]
    because = f"last: {pulse.why}" if pulse.why else ""
    late = [one for one in found if one]
    return (*late, because) if late and because else tuple(late)


def _late(what: str, since: float, interval: float) -> str:
    if since <= _TWICE * interval:
        return ""
    allowed = humanize.elapsed(_TWICE * interval)
    return f"no complete {what} for {humanize.elapsed(since)}, {allowed} are allowed"
