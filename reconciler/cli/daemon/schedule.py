"""Decides when the next sweep runs, and whether it is full. Pure; times are seconds.

A full round reads everything that is ours, an unfinished-only round only the resources labelled
unfinished, at a fraction of the cost (docs/architecture.md). After throttling or failures the loop
waits longer each time, because more requests would make throttling worse.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

SPREAD = 0.1
"""Waits vary by up to this part, so that many loops do not send requests at the same time."""

_MOST_DOUBLINGS = 20


@dataclass(frozen=True)
class Intervals:
    """Seconds from the start of a round to the next start, and the same for full rounds."""

    every: float
    full: float

    def backed_off(self, strikes: int) -> float:
        """The interval after so many bad rounds in a row: doubled each time, at most `full`."""
        doubled = self.every * 2.0 ** min(strikes, _MOST_DOUBLINGS)
        return max(self.every, min(doubled, self.full))


@dataclass(frozen=True)
class Schedule:
    """The state that decides the next round.

    `strikes`      bad rounds in a row: failed, or throttled
    `full_misses`  full rounds in a row that could not read everything
    `full_at`      start time of the last full round; None before the first
    """

    intervals: Intervals
    strikes: int = 0
    full_misses: int = 0
    full_at: float | None = None

    def is_full(self, now: float) -> bool:
        """Whether a round that begins now is a full one.

        An incomplete full round is retried before the next regular one, but not at once:
        unfinished-only rounds continue in between.
        """
        if self.full_at is None:
            return True
        again = self.intervals.full
        if self.full_misses:
            again = self.intervals.backed_off(self.full_misses)
        return now - self.full_at >= again

    def after(self, began: float, *, full: bool, complete: bool, bad: bool) -> Schedule:
        """The schedule after a round that began at `began`."""
        strikes = self.strikes + 1 if bad else 0
        if not full:
            return replace(self, strikes=strikes)
        misses = 0 if complete else self.full_misses + 1
        return replace(self, strikes=strikes, full_misses=misses, full_at=began)

    def wait(self, spent: float, chance: float) -> float:
        """Seconds until the next round, after one that took `spent`; `chance` is from 0 to 1.

        Never less than a tenth of the interval, so that the loop pauses even after a long round.
        """
        interval = self.intervals.backed_off(self.strikes) * (1 + SPREAD * (2 * chance - 1))
        return max(interval - spent, interval * SPREAD)
