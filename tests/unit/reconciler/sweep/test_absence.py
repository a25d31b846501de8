"""When a thing is believed to be gone: one look that lacks it is not enough where EC2 may lag."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.resource import DATABASE, IMAGE, INSTANCE, VOLUME, Gap, Inventory, Resource
from reconciler.model.tags import BirthTags
from reconciler.sweep.absence import AGREED, LISTED_AFTER, STATES, AbsenceTracker, Sightings
from tests.support.shop_world import DEAD, LEDGER, PLACE

BIRTH = BirthTags(DEAD, LEDGER, PLACE, "v1", "me@here")
MACHINE = Resource(INSTANCE, "i-1", PLACE, BIRTH.of(INSTANCE), state="running", uses=("vol-1",))
DISK = Resource(VOLUME, "vol-1", PLACE, BIRTH.of(VOLUME), used_by=("i-1",))
PICTURE = Resource(IMAGE, "ami-1", PLACE, BIRTH.of(IMAGE))
NOTHING = Inventory()


@pytest.fixture
def tracker() -> AbsenceTracker:
    """The deploy was born a minute ago."""
    return AbsenceTracker(DEAD.born + timedelta(minutes=1))


@pytest.mark.parametrize("resource", [MACHINE, DISK, PICTURE])
def test_one_look_proves_nothing_of_a_young_thing(
    tracker: AbsenceTracker, resource: Resource
) -> None:
    """Not listed may mean not listed yet; only looks of some while that agree are believed."""
    assert tracker.update([resource], NOTHING, 0.0) == [resource]
    assert tracker.update([resource], NOTHING, AGREED / 2) == [resource]
    assert tracker.update([resource], NOTHING, AGREED) == []


def test_a_look_that_shows_it_begins_the_while_anew(tracker: AbsenceTracker) -> None:
    """Listings that come and go do not add up."""
    tracker.update([DISK], NOTHING, 0.0)
    tracker.update([DISK], Inventory((DISK,)), AGREED)
    assert tracker.update([DISK], NOTHING, AGREED + 1) == [DISK]


def test_what_is_known_to_be_gone_can_come_back(tracker: AbsenceTracker) -> None:
    """The last look counts."""
    tracker.update([PICTURE], NOTHING, 0.0)
    tracker.update([PICTURE], NOTHING, AGREED)
    assert tracker.update([PICTURE], Inventory((PICTURE,)), AGREED + 1) == [PICTURE]


def test_an_old_thing_is_believed_at_once() -> None:
    """What was born long ago was listed everywhere long ago."""
    old = AbsenceTracker(DEAD.born + LISTED_AFTER)
    assert old.update([MACHINE, DISK], NOTHING, 0.0) == []


@pytest.mark.parametrize("state", sorted(STATES))
def test_its_own_state_is_believed_at_once(tracker: AbsenceTracker, state: str) -> None:
    """EC2 says so itself."""
    assert tracker.update([MACHINE], Inventory((replace(MACHINE, state=state),)), 0.0) == []


def test_what_aws_agreed_to_delete_is_believed_once_it_is_not_listed(
    tracker: AbsenceTracker,
) -> None:
    """Both together prove it; but a machine stays listed, so it has to be seen terminated."""
    tracker.agreed([PICTURE, MACHINE])
    assert tracker.update([PICTURE, MACHINE], NOTHING, 0.0) == [MACHINE]


def test_a_disk_goes_with_its_machine(tracker: AbsenceTracker) -> None:
    """The machine is seen terminated, and what it held is not listed any more: in one look."""
    terminated = Inventory((replace(MACHINE, state="terminated"),))
    assert tracker.update([DISK, MACHINE], terminated, 0.0) == []


def test_a_page_that_was_not_read_is_no_absence(tracker: AbsenceTracker) -> None:
    """However often."""
    gap = Inventory(gaps=(Gap(PLACE, VOLUME, "throttled"),))
    tracker.agreed([DISK])
    for clock in (0.0, AGREED, 2 * AGREED):
        assert tracker.update([DISK], gap, clock) == [DISK]


def test_a_database_server_does_not_lag(tracker: AbsenceTracker) -> None:
    """What it does not list is not there."""
    database = Resource(DATABASE, "shop_1", PLACE, BIRTH.of(DATABASE))
    assert tracker.update([database], NOTHING, 0.0) == []


# One thing of one's own, by its id.

LOOKS = st.lists(
    st.tuples(
        st.sampled_from([None, None, "pending", "available", *sorted(STATES)]),
        st.floats(0, 2 * AGREED, allow_nan=False),
    )
)
"""What a look showed, and the seconds since the look before."""


@given(LOOKS)
def test_rule_8_only_what_was_seen_is_gone_and_only_after_a_while(
    looks: list[tuple[str | None, float]],
) -> None:
    """Or what EC2 calls so; however the looks come and go."""
    sightings, clock = Sightings(), 0.0
    states: list[str | None] = []
    times: list[float] = []
    for state, seconds in looks:
        clock += seconds
        states.append(state)
        times.append(clock)
        shown = [n for n, one in enumerate(states) if one is not None]
        if state is not None:
            expected = state in STATES
        else:  # since the first look that lacked it, after the last one that showed it
            expected = bool(shown) and clock - times[shown[-1] + 1] >= AGREED
        assert sightings.update(state, clock) is expected
