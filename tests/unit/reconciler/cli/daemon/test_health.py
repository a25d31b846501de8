"""When the loop is unwell, and what it says then."""

from __future__ import annotations

from reconciler.cli.daemon.health import LONGEST_ROUND, LoopStatus, problems
from reconciler.cli.daemon.schedule import Intervals

MINUTELY = Intervals(every=60, full=3600)
BORN = LoopStatus.born(0.0)


def test_the_first_round_has_as_long_as_any() -> None:
    """Twice the interval, and not a moment more."""
    assert problems(BORN, MINUTELY, 120.0) == ()
    [late] = problems(BORN, MINUTELY, 121.0)
    assert "no complete sweep for 2m 01s, 2m 00s are allowed" in late


def test_a_complete_round_makes_well_again() -> None:
    """And one that missed something does not; what it missed is said."""
    blind = BORN.begun(60.0).ended(61.0, full=True, why="instances of here unread: 500")
    assert problems(blind, MINUTELY, 130.0)[-1] == "last: instances of here unread: 500"
    seeing = blind.begun(131.0).ended(132.0, full=False, why="")
    assert problems(seeing, MINUTELY, 133.0) == ()
    assert seeing.rounds == 2


def test_young_rounds_do_not_stand_in_for_full_ones() -> None:
    """What only a full round sees has been unseen for too long."""
    pulse, now = BORN, 0.0
    while now < 7300:
        pulse = pulse.begun(now).ended(now + 1, full=False, why="")
        now += 60
    [late] = problems(pulse, MINUTELY, now)
    assert "no complete full sweep" in late


def test_a_round_that_takes_its_time_is_no_illness() -> None:
    """Machines shut down gracefully. A round that hangs is one, though."""
    running = BORN.begun(60.0)
    assert problems(running, MINUTELY, 60.0 + LONGEST_ROUND) == ()
    assert problems(running, MINUTELY, 60.0 + LONGEST_ROUND + 61) != ()
