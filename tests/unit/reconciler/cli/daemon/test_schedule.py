"""When the loop sweeps, and at what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.daemon.schedule import Intervals, Schedule

MINUTELY = Intervals(every=60, full=3600)
FRESH = Schedule(MINUTELY)


def test_the_first_round_is_full_and_then_one_an_interval() -> None:
    """Young rounds lie in between, however many there are."""
    assert FRESH.is_full(5.0)
    after = FRESH.after(5.0, full=True, complete=True, bad=False)
    assert [after.is_full(5.0 + later) for later in (60, 3599, 3600)] == [False, False, True]
    unfinished_only = after.after(65.0, full=False, complete=True, bad=False)
    assert unfinished_only.is_full(3605.0)


def test_a_full_round_that_missed_something_comes_again_sooner() -> None:
    """Not at once, young ones go on; and ever less often while it does not help."""
    schedule, now, gaps = FRESH, 0.0, []
    for _ in range(4):
        schedule = schedule.after(now, full=True, complete=False, bad=False)
        assert not schedule.is_full(now + 60)
        again = next(now + s for s in range(60, 3601, 60) if schedule.is_full(now + s))
        gaps.append(again - now)
        now = again
    assert gaps == [120, 240, 480, 960]
    assert not schedule.after(now, full=True, complete=True, bad=False).is_full(now + 3599)


def test_who_is_throttled_waits_longer() -> None:
    """Twice as long each time, never longer than a full interval; one good round ends it."""
    schedule, waits = FRESH, []
    for _ in range(8):
        schedule = schedule.after(0.0, full=False, complete=False, bad=True)
        waits.append(schedule.wait(0.0, 0.5))
    assert waits == [120, 240, 480, 960, 1920, 3600, 3600, 3600]
    better = schedule.after(0.0, full=False, complete=True, bad=False)
    assert better.wait(0.0, 0.5) == 60


def test_an_interval_begins_when_the_round_does() -> None:
    """The time a round took is taken off, but the next never follows at its heels."""
    assert FRESH.wait(20.0, 0.5) == 40
    assert FRESH.wait(500.0, 0.5) == pytest.approx(6)


@given(st.floats(0, 1), st.floats(0, 10_000), st.integers(0, 10_000))
def test_waits_spread_within_bounds(chance: float, spent: float, strikes: int) -> None:
    """Whatever happens, there is a next round, not at once and not later than a full interval."""
    wait = Schedule(MINUTELY, strikes=strikes).wait(spent, chance)
    assert 5.4 <= wait <= 3600 * 1.1
