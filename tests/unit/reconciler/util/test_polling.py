"""Waiting: looks at growing intervals, the last one at the deadline."""

from __future__ import annotations

import pytest

from reconciler.util import polling
from reconciler.util.polling import Backoff, looks


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time that passes only in `sleep`."""
    one = Clock()
    monkeypatch.setattr(polling, "time", one)
    return one


def test_intervals_grow_up_to_the_longest(clock: Clock) -> None:
    """By half each time: soon at first, patient later."""
    list(looks(Backoff(first=1.0, longest=3.0, deadline=10.0), clock.sleep))
    assert clock.slept[:4] == [1.0, 1.5, 2.25, 3.0]
    assert sum(clock.slept) == 10.0


def test_the_last_look_is_at_the_deadline(clock: Clock) -> None:
    """What comes true at the last moment is still seen; then it is over."""
    times = list(looks(Backoff(first=4.0, longest=4.0, deadline=10.0), clock.sleep))
    assert times == [0.0, 4.0, 8.0, 10.0]


def test_there_is_always_one_look(clock: Clock) -> None:
    """Without any time to wait the condition is looked at once, without a pause."""
    assert list(looks(Backoff(deadline=0.0), clock.sleep)) == [0.0]
    assert clock.slept == []


def test_a_slow_look_counts(clock: Clock) -> None:
    """The time a look takes is part of the deadline."""
    seen = []
    for elapsed in looks(Backoff(first=1.0, longest=1.0, deadline=5.0), clock.sleep):
        seen.append(elapsed)
        clock.now += 3.0
    assert seen == [0.0, 4.0, 8.0]
