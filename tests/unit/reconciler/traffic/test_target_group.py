"""What becomes of a target group: by the ledger, by what the routes say, by the time on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId, format_time
from reconciler.model.ledger import Lease, Ledger, Live, Previous
from reconciler.model.resource import Resource
from reconciler.model.tags import Label
from reconciler.traffic.reading import Share, TrafficReading, TrafficRoute
from reconciler.traffic.target_group import Around, GroupState, is_born, is_of_live, state_of
from tests.support.shop_world import (
    CLEAN,
    DEAD,
    LEDGER,
    LISTENER,
    LIVE,
    NOW,
    OLD,
    deploy,
    target_group,
)

BACK = deploy(5, "back2")
"""The rollback that made OLD live once more."""
LIVES, OLDS = target_group(LIVE, Label.LIVE, 17), target_group(OLD, Label.LIVE, 9)
DEADS = target_group(DEAD, Label.PENDING, 41)
LEASED = replace(CLEAN, lease=Lease(DEAD, NOW + timedelta(minutes=4), "launch"))


def until(time: datetime) -> Resource:
    """The old deploy's group, on which is written how long requests may be in flight."""
    return replace(OLDS, tags={**OLDS.tags, t.DRAINED: format_time(time)})


def share(group: Resource, weight: int) -> Share:
    """The group in a route, resolved as the service's own."""
    lease = DeployId.maybe(group.tags.get(t.LEASE))
    return Share(group.id, weight, group.tags, group.uses, group.deploy, lease)


def around(
    *shares: tuple[Resource, int],
    ledger: Ledger = CLEAN,
    unfinished: bool = False,
    listed: Iterable[Resource] = (),
) -> Around:
    """One route with these groups and weights."""
    route = TrafficRoute(LISTENER, tuple(share(*one) for one in shares))
    return Around(ledger, TrafficReading((route,)), NOW, unfinished, tuple(listed))


SWITCHED = ((LIVES, 1), (OLDS, 0))


@pytest.mark.parametrize(
    ("group", "seen", "state"),
    [
        (LIVES, around(*SWITCHED), GroupState.LIVE),
        (LIVES, around((OLDS, 1), (LIVES, 0), unfinished=True), GroupState.LIVE),
        (OLDS, around((OLDS, 1), (LIVES, 0)), GroupState.SERVING),
        (DEADS, around((LIVES, 1), (DEADS, 1)), GroupState.SERVING),
        (DEADS, around(*SWITCHED, ledger=LEASED), GroupState.LEASED),
        (OLDS, around(*SWITCHED, ledger=LEASED), GroupState.LEASED),
        (until(NOW), around((LIVES, 1), ledger=LEASED), GroupState.FREE),
        (DEADS, around(*SWITCHED), GroupState.FREE),
        (OLDS, around(*SWITCHED), GroupState.DRAINING),
        (until(NOW + timedelta(seconds=1)), around(*SWITCHED), GroupState.DRAINING),
        (until(NOW), around(*SWITCHED), GroupState.FREE),
        (until(NOW), around(*SWITCHED, unfinished=True), GroupState.DRAINING),
        (until(NOW), around((LIVES, 1), (DEADS, 1)), GroupState.DRAINING),
        (until(NOW), around(*SWITCHED, ledger=replace(CLEAN, live=None)), GroupState.DRAINING),
        (
            replace(OLDS, tags={**OLDS.tags, t.DRAINED: "soon"}),
            around(*SWITCHED),
            GroupState.DRAINING,
        ),
    ],
    ids=[
        *("live", "live, not switched yet", "the old one serves", "a stranger's weight"),
        *("made by the lease", "in a route under a lease", "in no route under a lease"),
        *("never served", "no time on it", "its time is to come", "its time has come"),
        *("commit not finished", "route not followed", "nobody live", "unreadable time"),
    ],
)
def test_each_state(group: Resource, seen: Around, state: GroupState) -> None:
    """Only a group that no request reaches, and that none in flight may reach, is free."""
    found, why = state_of(group, seen)
    assert found is state
    assert why


def test_a_group_that_joined_and_had_no_requests_is_free_at_once() -> None:
    """Its label says that no commit was finished, and the ledger that none was made for it."""
    joined = target_group(OLD, Label.PENDING, 9, lease=BACK)
    assert state_of(joined, around(*SWITCHED))[0] is GroupState.FREE


def test_a_group_whose_label_came_late_may_have_served() -> None:
    """A commit was made after its birth: the switch may have been its only effect."""
    late = target_group(OLD, Label.PENDING, 9)
    assert state_of(late, around(*SWITCHED))[0] is GroupState.DRAINING
    gone = replace(CLEAN, previous=(Previous(OLD, OLD.born - timedelta(1), count=1),))
    assert state_of(late, around(*SWITCHED, ledger=gone))[0] is GroupState.FREE


AGAIN = replace(CLEAN, live=Live(OLD, ("10.0.1.9",)), previous=())
FRESH = target_group(OLD, Label.PENDING, 9, lease=BACK)


def test_only_the_newest_group_of_the_live_deploy_is_live() -> None:
    """A rollback made another one for the same machines; the older one is never used again."""
    seen = around((FRESH, 1), (OLDS, 0), ledger=AGAIN, listed=(FRESH, OLDS))
    assert is_of_live(FRESH, seen)
    assert not is_of_live(OLDS, seen)


def test_rule_6_a_group_that_only_the_route_names_is_the_newest() -> None:
    """A listing that lacks it must not make the older one live."""
    seen = around((FRESH, 1), (OLDS, 0), ledger=AGAIN, listed=(OLDS,))
    assert not is_of_live(OLDS, seen)


def test_a_group_with_copied_tags_does_not_push_out_the_live_one() -> None:
    """Its name is not the one that its maker derives."""
    copied = replace(FRESH, id="targetgroup/hers/1", name="hers")
    assert not is_born(copied)
    assert is_born(OLDS)
    assert is_of_live(OLDS, around((OLDS, 1), ledger=AGAIN, listed=(copied, OLDS)))


@pytest.mark.parametrize(
    ("ledger", "known"), [(LEDGER, OLD), ("Z2/shop._deploy.example.org", None)]
)
def test_a_group_of_another_ledger_is_unknown(ledger: str, known: DeployId | None) -> None:
    """Two companies may each have a service of this name."""
    reading = TrafficReading((TrafficRoute(LISTENER, (Share(OLDS.id, 1, OLDS.tags),)),))
    (route,) = reading.resolved("shop", lambda said: said == ledger).routes
    assert route.shares[0].deploy == known
