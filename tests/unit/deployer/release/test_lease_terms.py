"""When a renewal is due: at its interval, or once a step has taken long enough to be named."""

from __future__ import annotations

from datetime import timedelta

from deployer.release.lease_terms import WORD_AFTER, WORDS, RenewalPace

EVERY = timedelta(minutes=3)


def test_a_renewal_is_due_an_interval_after_the_last_one() -> None:
    """Whatever steps begin meanwhile, a late one is due at once."""
    pace = RenewalPace(100.0)
    assert pace.due_in(EVERY, 100.0) == 180.0
    assert pace.due_in(EVERY, 250.0) == 30.0
    assert pace.due_in(EVERY, 999.0) == 0.0


def test_a_step_that_takes_long_is_named() -> None:
    """A short one is over before; its word is never written for itself."""
    pace = RenewalPace(100.0)
    pace.begin("image", 110.0)
    assert pace.due_in(EVERY, 110.0) == WORD_AFTER
    pace.begin("launch", 112.0)
    assert pace.due_in(EVERY, 112.0) == WORD_AFTER
    pace.renewing(112.0 + WORD_AFTER)
    assert pace.written == "launch"
    assert pace.due_in(EVERY, 112.0 + WORD_AFTER) == 180.0


def test_words_alone_change_the_zone_a_few_times_at_most() -> None:
    """Then they wait for the interval: a release has a budget of changes."""
    pace, now = RenewalPace(0.0), 0.0
    for number in range(WORDS):
        pace.begin(f"step {number}", now)
        now += WORD_AFTER
        pace.renewing(now)
    pace.begin("another", now)
    assert pace.due_in(EVERY, now) == 180.0


def test_a_word_that_travels_costs_nothing_of_the_budget() -> None:
    """The renewal was due anyway."""
    pace = RenewalPace(0.0)
    for number in range(WORDS + 1):
        pace.begin(f"step {number}", 100.0 * number)
        pace.renewing(100.0 * number + 1)
    pace.begin("another", 1000.0)
    assert pace.due_in(timedelta(hours=1), 1000.0) == WORD_AFTER
