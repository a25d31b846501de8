"""Back-off: tries at growing intervals, the last one at the deadline; retries of what may pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.util.backoff import Backoff


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def backoff(self, backoff: Backoff) -> Backoff:
        return replace(backoff, sleep=self.sleep, now=lambda: self.now)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    """Time that passes only in `sleep`."""
    return Clock()


def test_intervals_grow_up_to_the_longest(clock: Clock) -> None:
    """By half each time: soon at first, patient later."""
    list(clock.backoff(Backoff(first=1.0, longest=3.0, deadline=10.0)).attempts())
    assert clock.slept[:4] == [1.0, 1.5, 2.25, 3.0]
    assert sum(clock.slept) == 10.0


def test_the_last_attempt_is_at_the_deadline(clock: Clock) -> None:
    """What comes true at the last moment is still seen; then it is over."""
    times = clock.backoff(Backoff(first=4.0, longest=4.0, deadline=10.0)).attempts()
    assert list(times) == [0.0, 4.0, 8.0, 10.0]


def test_there_is_always_one_attempt(clock: Clock) -> None:
    """Without any time to wait the condition is checked once, without a pause."""
    assert list(clock.backoff(Backoff(deadline=0.0)).attempts()) == [0.0]
    assert clock.slept == []


def test_a_slow_attempt_counts(clock: Clock) -> None:
    """The time an attempt takes is part of the deadline: none begins after it."""
    times = []
    for elapsed in clock.backoff(Backoff(first=1.0, longest=1.0, deadline=5.0)).attempts():
        times.append(elapsed)
        clock.now += 3.0
    assert times == [0.0, 4.0]


def test_the_number_of_attempts_is_limited(clock: Clock) -> None:
    """With `tries` it ends before the deadline, without a wait after the last one."""
    times = clock.backoff(Backoff(first=2.0, longest=2.0, tries=3)).attempts()
    assert list(times) == [0.0, 2.0, 4.0]
    assert clock.slept == [2.0, 2.0]


def test_jitter_waits_up_to_a_limit_that_doubles(clock: Clock) -> None:
    """Every wait is random below its limit, so that clients spread."""
    list(clock.backoff(Backoff(first=1.0, longest=5.0, tries=6, jitter=True)).attempts())
    assert all(0 <= wait <= limit for wait, limit in zip(clock.slept, [1, 2, 4, 5, 5], strict=True))
    assert len(set(clock.slept)) == 5


def test_an_error_worth_another_try_is_retried(clock: Clock) -> None:
    """The first result counts; the errors before it are forgotten."""
    errors: list[Exception] = [TimeoutError(), TimeoutError()]

    def action() -> str:
        if errors:
            raise errors.pop()
        return "done"

    backoff = clock.backoff(Backoff(first=1.0))
    assert backoff.retry(action, lambda error: isinstance(error, TimeoutError)) == "done"
    assert clock.slept == [1.0, 1.5]


@pytest.mark.parametrize(("again", "waits"), [(False, []), (True, [1.0, 1.0, 0.5])])
def test_the_last_error_is_raised(clock: Clock, again: bool, waits: list[float]) -> None:
    """At once if another try is of no use, else after the try at the deadline."""

    def action() -> None:
        raise OSError(len(clock.slept))

    backoff = clock.backoff(Backoff(first=1.0, longest=1.0, deadline=2.5))
    with pytest.raises(OSError, match=f"^{len(waits)}$"):
        backoff.retry(action, lambda _: again)
    assert clock.slept == waits
