"""The loop: a sweep every so often, for ever, whatever happens to one of them.

A failed round says why and is tried again later; only a signal ends the loop. It keeps nothing
that matters: whoever starts another one, here or elsewhere, goes on where this one stood.
"""

from __future__ import annotations

import random
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from reconciler.daemon.health import LoopStatus, problems
from reconciler.daemon.schedule import Intervals, Schedule
from reconciler.errors import Refused, ToolError
from reconciler.sweep.result import SweepResult
from reconciler.util import signals
from reconciler.util.log import Logger
from reconciler.util.secret import redact
from reconciler.util.signals import Interrupted

log = Logger()

_LONGEST = 500
"""Characters of a round's error in log and health; the command itself shows all of it."""


class Clock(Protocol):
    """Time, and chance: what a test decides for itself."""

    def seconds(self) -> float:
        """Monotonic seconds."""
        ...

    def now(self) -> datetime:
        """The time of day, for people."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; a signal ends it by raising Interrupted."""
        ...

    def chance(self) -> float:
        """Anything from 0 to 1."""
        ...


class RealClock:
    """The computer's own."""

    def seconds(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def chance(self) -> float:
        return random.random()  # noqa: S311  it spreads load, and keeps no secret


@dataclass(frozen=True)
class IterationResult:
    """What a round's sweep came to: its result, and how many of its calls AWS put off."""

    result: SweepResult | None
    throttled: int = 0


@dataclass(frozen=True)
class Round:
    """One turn of the loop. `error` is why it did nothing, or broke off; None where it did not.

    `result` may stand beside an error of what comes after the sweep, and is None without one.
    """

    full: bool
    began: datetime
    seconds: float
    result: SweepResult | None = None
    throttled: int = 0
    error: Exception | None = None

    @property
    def missed(self) -> str:
        """What it did not see, in words; '' for a complete round."""
        if self.error is not None:
            return _said(self.error)
        result = self.result
        assert result is not None
        unseen = [f"{gap.kind}s of {gap.place} unread: {gap.reason}" for gap in result.gaps]
        known = [gap.reason for gap in result.gaps]
        unseen += [
            f"{one.service} is unknown: {one.problem}"
            for one in result.left.unknown
            if not any(one.problem.endswith(reason) for reason in known)
        ]
        return "; ".join(unseen)

    @property
    def outcome(self) -> str:
        """One word: complete, partial (something was not seen), refused (the breaker), failed."""
        if isinstance(self.error, Refused):
            return "refused"
        if self.error is not None:
            return "failed"
        return "partial" if self.missed else "complete"

    @property
    def kind(self) -> str:
        """What it looked at: `full` or `young`."""
        return "full" if self.full else "young"


Sweep = Callable[[bool], IterationResult]
"""Sweeps once; young if asked so. Raises whatever a sweep raises."""

OnRound = Callable[[Round], None]


@dataclass
class Loop:
    """Sweeps until a signal comes. `pulse` may be read from any thread."""

    sweep: Sweep
    intervals: Intervals
    on_round: Sequence[OnRound] = ()
    clock: Clock = field(default_factory=RealClock)

    def __post_init__(self) -> None:
        self.pulse = LoopStatus.born(self.clock.seconds())
        self._schedule = Schedule(self.intervals)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the loop is not well now; empty when it is."""
        return problems(self.pulse, self.intervals, self.clock.seconds())

    def run(self) -> None:
        """Until the first signal, which lets the item under way be finished."""
        try:
            while True:
                began = self.clock.seconds()
                self._turn(began)
                self._rest(began)
        except Interrupted as signal:
            log.info("stopped", cause=str(signal), rounds=self.pulse.rounds)

    def _turn(self, began: float) -> None:
        full = self._schedule.is_full(began)
        self.pulse = self.pulse.begun(began)
        with signals.held_back():
            done = self._round(began, full=full)
            self.pulse = self.pulse.ended(self.clock.seconds(), full=full, why=done.missed)
            self._schedule = self._schedule.after(
                began,
                full=full,
                complete=not done.missed,
                bad=done.error is not None or done.throttled > 0,
            )
            for told in self.on_round:
                told(done)

    def _round(self, began: float, *, full: bool) -> Round:
        at = self.clock.now()
        error: Exception | None = None
        swept = IterationResult(None)
        try:
            swept = self.sweep(not full)
        except ToolError as trouble:
            error = trouble
        except Exception as bug:
            # Told with its traceback. The next round may do better, and nobody else sweeps.
            log.exception("this is a bug", sweep="full" if full else "young")
            error = bug
        seconds = self.clock.seconds() - began
        return Round(full, at, seconds, swept.result, swept.throttled, error)

    def _rest(self, began: float) -> None:
        seconds = self._schedule.wait(self.clock.seconds() - began, self.clock.chance())
        log.debug("waiting", seconds=round(seconds, 1), strikes=self._schedule.strikes)
        self.clock.sleep(seconds)


def _said(error: Exception) -> str:
    """The error on one line, with what there is to read as far as it is short."""
    if not isinstance(error, ToolError):
        return redact(f"this is a bug: {type(error).__name__}: {error}")
    whole = f"{error.message}: {error.detail}" if error.detail else error.message
    return redact(textwrap.shorten(whole, _LONGEST, placeholder=" …"))
