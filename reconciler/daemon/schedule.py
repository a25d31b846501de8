"""When the loop sweeps next, and whether it looks at everything. Pure; times are seconds.

A full round looks at all that is ours, a young one only at what is labelled unfinished, which costs
a fraction (docs/architecture.md). Who is throttled or fails waits longer each time: a sweep
that pushes feeds what it suffers from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

SPREAD = 0.1
"""Waits differ by up to this part, so that many loops do not ask in step."""

_MOST_DOUBLINGS = 20


@dataclass(frozen=True)
class Intervals:
    """Seconds from the beginning of one round to that of the next, and of one full round."""

    every: float
    full: float

    def backed_off(self, strikes: int) -> float:
        """The interval after so many bad rounds in a row: doubled each time, at most `full`."""
        doubled = self.every * 2.0 ** min(strikes, _MOST_DOUBLINGS)
        return max(self.every, min(doubled, self.full))


@dataclass(frozen=True)
class Schedule:
    """What the next round depends on.

    `strikes`      bad rounds in a row: failed, or throttled
    `full_misses`  full rounds in a row that did not see everything
    `full_at`      when the last full round began; None before the first
    """

    intervals: Intervals
    strikes: int = 0
    full_misses: int = 0
    full_at: float | None = None

    def is_full(self, now: float) -> bool:
        """Whether a round that begins now looks at everything.

        A full round that missed something is tried again sooner than the next would come, but not
        at once: young rounds go on in between.
        """
        if self.full_at is None:
            return True
        again = self.intervals.full
        if self.full_misses:
            again = self.intervals.backed_off(self.full_misses)
        return now - self.full_at >= again

    def after(self, began: float, *, full: bool, complete: bool, bad: bool) -> Schedule:
        """The schedule after a round that began then."""
        strikes = self.strikes + 1 if bad else 0
        if not full:
            return replace(self, strikes=strikes)
        misses = 0 if complete else self.full_misses + 1
        return replace(self, strikes=strikes, full_misses=misses, full_at=began)

    def wait(self, spent: float, chance: float) -> float:
        """Seconds until the next round, after one that took `spent`; `chance` is within 0 and 1.

        Never less than a tenth of the interval: a round that takes longer than it must not make
        the next follow at its heels.
        """
        interval = self.intervals.backed_off(self.strikes) * (1 + SPREAD * (2 * chance - 1))
        return max(interval - spent, interval * SPREAD)
