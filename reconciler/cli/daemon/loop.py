"""The loop: sweeps at intervals, for ever, even if a sweep fails.

A failed round logs its cause and is retried later; only a signal ends the loop. It keeps no
essential state: another loop, on any computer, can continue its work.
"""

from __future__ import annotations

import random
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from reconciler.cli.daemon.health import LoopStatus, problems
from reconciler.cli.daemon.schedule import Intervals, Schedule
from reconciler.errors import Refused, ToolError
from reconciler.sweep.result import SweepResult
from reconciler.util import signals
from reconciler.util.log import Logger
from reconciler.util.secret import redact
from reconciler.util.signals import Interrupted

log = Logger()

_LONGEST = 500
"""Maximum characters of a round's error in log and health; the command shows all of it."""


class Clock(Protocol):
    """Time and randomness; tests replace both."""

    def seconds(self) -> float:
        """Monotonic seconds."""
        ...

    def now(self) -> datetime:
        """The time of day, for display."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; a signal ends it by raising Interrupted."""
        ...

    def chance(self) -> float:
        """A random number from 0 to 1."""
        ...


class RealClock:
    """The computer's own clock."""

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
    """The result of a round's sweep, and how many of its calls AWS throttled."""

    result: SweepResult | None
    throttled: int = 0


@dataclass(frozen=True)
class Round:
    """One turn of the loop. `error`: why it did nothing or was aborted; None if it did not fail.

    `result` may be set although a step after the sweep failed; it is None without a sweep.
    """

    full: bool
    began: datetime
    seconds: float
    result: SweepResult | None = None
    throttled: int = 0
    error: Exception | None = None

    @property
    def missed(self) -> str:
        """What the round could not read, in words; '' for a complete round."""
        if self.error is not None:
            return _said(self.error)
        result = self.result
        assert result is not None
        unseen = [f"{gap.kind}s of {gap.place} unread: {gap.reason}" for gap in result.gaps]
        known = [gap.reason for gap in result.gaps]
        unseen += [
            f"{service_plan.service} is unknown: {service_plan.problem}"
            for service_plan in result.left.unknown
            if not any(service_plan.problem.endswith(reason) for reason in known)
        ]
        return "; ".join(unseen)

    @property
    def outcome(self) -> str:
        """One word: complete, partial (something was not read), refused (the breaker), failed."""
        if isinstance(self.error, Refused):
            return "refused"
        if self.error is not None:
            return "failed"
        return "partial" if self.missed else "complete"

    @property
    def kind(self) -> str:
        """The kind of sweep: `full`, or `young` for an unfinished-only sweep."""
        return "full" if self.full else "young"


Sweep = Callable[[bool], IterationResult]
"""Sweeps once; its argument is `unfinished_only`. Raises whatever a sweep raises."""

OnRound = Callable[[Round], None]


@dataclass
class Loop:
    """Sweeps until a signal arrives. `pulse` may be read from any thread."""

    sweep: Sweep
    intervals: Intervals
    on_round: Sequence[OnRound] = ()
    clock: Clock = field(default_factory=RealClock)

    def __post_init__(self) -> None:
        self.pulse = LoopStatus.born(self.clock.seconds())
        self._schedule = Schedule(self.intervals)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the loop is unhealthy now; empty if it is healthy."""
        return problems(self.pulse, self.intervals, self.clock.seconds())

    def run(self) -> None:
        """Run until the first signal; the current resource is still finished."""
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
        with signals.held_back("what is being removed"):
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
            # Logged with its traceback. The next round may succeed, and no other process sweeps.
            log.exception("this is a bug", sweep="full" if full else "young")
            error = bug
        seconds = self.clock.seconds() - began
        return Round(full, at, seconds, swept.result, swept.throttled, error)

    def _rest(self, began: float) -> None:
        seconds = self._schedule.wait(self.clock.seconds() - began, self.clock.chance())
        log.debug("waiting", seconds=round(seconds, 1), strikes=self._schedule.strikes)
        self.clock.sleep(seconds)


def _said(error: Exception) -> str:
    """The error on one line, with its detail, shortened."""
    if not isinstance(error, ToolError):
        return redact(f"this is a bug: {type(error).__name__}: {error}")
    whole = f"{error.message}: {error.detail}" if error.detail else error.message
    return redact(textwrap.shorten(whole, _LONGEST, placeholder=" …"))
