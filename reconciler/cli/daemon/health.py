"""Health of the loop: unhealthy if no complete sweep is recent enough. Pure.

Complete means that everything in scope was read. Resources that could not be removed are reported
in the metrics; only resources that could not be read make the loop unhealthy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.cli.daemon.schedule import Intervals
from reconciler.util import humanize

LONGEST_ROUND = 900.0
"""Seconds of a running round that are not a delay: graceful shutdowns delay volume deletions."""

_TWICE = 2


@dataclass(frozen=True)
class LoopStatus:
    """State of the loop so far; times are seconds on the loop's clock.

    `complete` and `full` are the end times of the last complete round of any kind, and of the last
    complete full round; before the first, the start time of the loop. `running` is the start time
    of the current round.
    """

    complete: float
    full: float
    running: float | None = None
    rounds: int = 0
    why: str = ""

    @staticmethod
    def born(now: float) -> LoopStatus:
        """Before the first round: it may take as long as any other."""
        return LoopStatus(now, now)

    def begun(self, now: float) -> LoopStatus:
        """A round begins."""
        return replace(self, running=now)

    def ended(self, now: float, *, full: bool, why: str) -> LoopStatus:
        """A round has ended; `why` says what it could not read, '' for a complete round."""
        rounds = self.rounds + 1
        if why:
            return replace(self, running=None, rounds=rounds, why=why)
        last_full = now if full else self.full
        return LoopStatus(now, last_full, running=None, rounds=rounds)


def problems(pulse: LoopStatus, intervals: Intervals, now: float) -> tuple[str, ...]:
    """Why the loop is unhealthy; empty if it is healthy."""
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
