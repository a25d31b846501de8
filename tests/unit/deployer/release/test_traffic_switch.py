"""Traffic as a release changes it: joined without requests, healthy, asked again, switched."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.release.context import ReleaseContext
from deployer.release.steps.commit import commit
from deployer.release.traffic_switch import health, refuse_moved, switch, traffic
from deployer.release.undo import undo
from reconciler.errors import CloudError, CloudUnclear, ToolError
from reconciler.model.resource import TARGET_GROUP, Resource
from reconciler.model.tags import Label
from reconciler.traffic.port import JoinOrder
from reconciler.util.signals import Interrupted
from tests.support.guarded import ME, leased
from tests.support.shop_world import CLEAN, LISTENER, LIVE, OLD, PLACE, target_group
from tests.unit.reconciler.sweep.test_traffic import Behind

NEW = target_group(LIVE, Label.LIVE, 17)
MACHINES = ("i-9",)


@pytest.fixture
def shop(tmp_path: Path) -> Behind:
    """Live serves."""
    return Behind(tmp_path, [(NEW, 1)])


def begun(shop: Behind) -> ReleaseContext:
    """A release whose machines have been launched."""
    run = leased(shop, limits={"boot": "1s"})
    run.created.launched = MACHINES
    return run


def joined(shop: Behind) -> tuple[ReleaseContext, JoinOrder]:
    """The same, with its machines behind the route."""
    run = begun(shop)
    traffic(run)
    health(run)
    assert run.created.join_order is not None
    return run, run.created.join_order


def test_machines_join_without_requests_and_then_get_all(shop: Behind) -> None:
    """The switch is the commit's last part, to the group of this release alone."""
    run, order = joined(shop)
    assert shop.weights == {"i-17": 1, "i-9": 0}
    before = refuse_moved(run.ports.managed, order, run.held.ledger)
    assert switch(run.ports.managed, order, run.held.generation, before) == ()
    assert shop.weights == {"i-17": 0, "i-9": 1}


def test_machines_that_are_not_healthy_do_not_go_live(shop: Behind) -> None:
    """The balancer's own word counts, before live is shut."""
    shop.traffic.healthy = False
    run = begun(shop)
    traffic(run)
    with pytest.raises(CloudError, match="not ready for requests: i-9 waits"):
        health(run)


def test_rule_11_traffic_that_was_moved_meanwhile_ends_the_release(shop: Behind) -> None:
    """Nothing is committed, and nothing is moved back."""
    run, _ = joined(shop)
    shop.traffic.actions[LISTENER] = dict.fromkeys(shop.traffic.weights(), 1)
    with pytest.raises(ToolError, match="somebody changed traffic meanwhile"):
        commit(run)
    assert shop.ledger.live == CLEAN.live
    assert set(shop.weights.values()) == {1}


def test_rule_11_a_stranger_in_the_action_ends_the_release(shop: Behind) -> None:
    """Also one without requests: the switch would be refused once the ledger had been swapped."""
    run, _ = joined(shop)
    hers = Resource(TARGET_GROUP, "targetgroup/hers/1", PLACE, name="hers")
    shop.traffic.add(hers, 0)
    with pytest.raises(ToolError, match="somebody changed traffic meanwhile"):
        commit(run)
    assert shop.ledger.live == CLEAN.live


def test_machines_are_healthy_right_before_the_commit(shop: Behind) -> None:
    """Minutes have passed since they joined: the database was copied."""
    run, _ = joined(shop)
    shop.traffic.healthy = False
    with pytest.raises(ToolError, match="not ready for requests any more"):
        commit(run)
    assert shop.ledger.live == CLEAN.live


@pytest.mark.parametrize("error", [CloudUnclear("no answer"), Interrupted(15)])
def test_rule_8_the_order_is_known_before_its_request(shop: Behind, error: BaseException) -> None:
    """Whatever becomes of the reply: the undo looks the group up, and deletes it."""
    run = begun(shop)
    join = shop.traffic.join

    def lost(order: JoinOrder) -> tuple[str, ...]:
        join(order)
        raise error

    shop.traffic.join = lost  # type: ignore[method-assign]
    with pytest.raises(type(error)):
        traffic(run)
    assert run.created.join_order == JoinOrder(ME, MACHINES, run.created.join_order.tags)  # type: ignore[union-attr]
    run.created.launched = ()
    undo(run, "no answer")
    assert set(shop.traffic.weights()) == {NEW.id}
    groups = {one.id for one in shop.heap.held.values() if one.kind == TARGET_GROUP}
    assert groups == {NEW.id}


def test_rule_8_a_group_that_is_made_late_is_accounted_for(shop: Behind) -> None:
    """The lost request may still be under way: its name is taken before the lease ends."""
    run = begun(shop)
    shop.traffic.failing["join"] = CloudUnclear("no answer")
    with pytest.raises(CloudUnclear):
        traffic(run)
    shop.acts.clear()
    run.created.launched = ()
    undo(run, "no answer")
    ended = next(n for n, act in enumerate(shop.acts) if act.startswith("swap"))
    assert shop.acts.index("traffic create") < ended


def test_rule_11_who_got_the_requests_since_the_commit_keeps_them(shop: Behind) -> None:
    """A person led the route to a group of an older release, which is ours as well: said."""
    run, order = joined(shop)
    before = refuse_moved(run.ports.managed, order, run.held.ledger)
    shop.traffic.add(target_group(OLD, Label.LIVE, 9), 1)
    shop.traffic.actions[LISTENER][NEW.id] = 0
    moved = dict(shop.traffic.weights())
    (line,) = switch(run.ports.managed, order, run.held.generation, before)
    assert "traffic was not switched yet" in line
    assert shop.traffic.weights() == moved


def test_a_group_that_left_its_route_is_not_switched_to(shop: Behind) -> None:
    """Said; any sweep goes on from there."""
    run, order = joined(shop)
    before = refuse_moved(run.ports.managed, order, run.held.ledger)
    shop.traffic.actions[LISTENER] = {NEW.id: 1}
    (line,) = switch(run.ports.managed, order, run.held.generation, before)
    assert "traffic was not switched yet" in line
    assert shop.traffic.weights() == {NEW.id: 1}


def test_a_deployer_that_slept_after_its_commit_switches_nothing(shop: Behind) -> None:
    """A switch has no fence: the ledger is read right before, and another generation ends it."""
    run, order = joined(shop)
    before = refuse_moved(run.ports.managed, order, run.held.ledger)
    (line,) = switch(run.ports.managed, order, run.held.generation - 1, before)
    assert "the ledger has changed since the commit" in line
    assert shop.weights == {"i-17": 1, "i-9": 0}
