"""A rollback behind a load balancer: a group of its own, asked again, switched after the commit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer import events as e
from deployer.commands.rollback.command import rollback
from reconciler.errors import CloudError, FollowUpFailed, ToolError
from reconciler.model import tags as t
from reconciler.model.resource import TARGET_GROUP
from reconciler.model.tags import Label
from tests.fakes.traffic import DELAY
from tests.support.shop_world import CLEAN, LISTENER, LIVE, OLD, target_group
from tests.unit.reconciler.sweep.test_traffic import OURS, Behind

NEW, OLDER = target_group(LIVE, Label.LIVE, 17), target_group(OLD, Label.LIVE, 9)


@pytest.fixture
def shop(tmp_path: Path) -> Behind:
    """Live serves; the group of the release before it drains."""
    return Behind(tmp_path, [(OLDER, 0), (NEW, 1)], resources=OURS)


def move(shop: Behind, **weights: int) -> None:
    """Somebody replaces the weights: of the old group, and of the new one."""
    shop.traffic.actions[LISTENER].update({OLDER.id: weights["old"], NEW.id: weights["new"]})


def back(shop: Behind, **more: Any) -> e.RolledBack:
    """Roll back, whatever was written."""
    return rollback(shop.ports(), discard_writes=True, **more)


def test_a_rollback_makes_a_group_of_its_own(shop: Behind) -> None:
    """Healthy before the commit, switched right after it; the record is not touched."""
    shop.ledgers.point(shop.address, "203.0.113.9")
    back(shop)
    assert shop.ledger.live is not None
    assert shop.ledger.live.id == OLD
    (serving,) = (one for one, weight in shop.traffic.weights().items() if weight)
    group = shop.heap.at(serving)
    assert (group.deploy, group.uses) == (OLD, ("i-9",))
    assert group.tags[t.LEASE] not in (str(OLD), str(LIVE))
    assert serving != OLDER.id
    commit = max(i for i, act in enumerate(shop.acts) if act.startswith("swap"))
    assert shop.acts.index(f"switch {serving}") > commit
    assert shop.ledgers.pointed_at(shop.address) == ("203.0.113.9",)


@pytest.mark.parametrize("step", ["join", "register"])
def test_a_rollback_that_fails_leaves_no_group(shop: Behind, step: str) -> None:
    """Nothing has happened: live serves and takes writes."""
    shop.traffic.failing[step] = CloudError("no answer")
    with pytest.raises(ToolError, match="no answer"):
        back(shop)
    assert set(shop.traffic.weights()) == {OLDER.id, NEW.id}
    groups = {one.id for one in shop.heap.held.values() if one.kind == TARGET_GROUP}
    assert groups == {OLDER.id, NEW.id}
    assert shop.ledger.live == CLEAN.live
    assert shop.ledger.lease is None


def test_rule_8_a_rollback_settles_a_lost_reply_under_its_lease(shop: Behind) -> None:
    """The request may still be under way: its name is taken before the lease ends."""
    shop.traffic.failing["join"] = CloudError("no answer")
    with pytest.raises(ToolError, match="no answer"):
        back(shop)
    ended = max(n for n, act in enumerate(shop.acts) if act.startswith("swap"))
    assert 0 < shop.acts.index("traffic create") < ended


def test_a_rollback_to_machines_that_are_not_healthy_changes_nothing(shop: Behind) -> None:
    """The balancer's own word, before live's database is shut."""
    shop.traffic.healthy = False
    ports = shop.ports(limits={"boot": "1s"})
    with pytest.raises(ToolError, match="not ready for requests: i-9 waits"):
        rollback(ports, discard_writes=True)
    assert shop.ledger.live == CLEAN.live
    assert not shop.did("shut", "switch")


def test_a_switch_that_fails_is_finished_by_a_sweep(shop: Behind) -> None:
    """Exit 5: the old database stays shut, nothing else follows; the next sweep does it all."""
    shop.traffic.failing["switch"] = CloudError("no answer")
    with pytest.raises(FollowUpFailed):
        back(shop)
    assert shop.weights["i-17"] == 1
    assert shop.heap.labels()["i-9"] == "pending"
    shop.traffic.failing.clear()
    shop.sweep(unfinished_only=True)
    assert shop.traffic.read().resolved("shop", lambda _: True).follows(OLD)
    shop.sweep()
    assert shop.heap.labels()["i-9"] == "live"


def test_people_win_right_before_the_commit(shop: Behind) -> None:
    """Traffic that was moved meanwhile is not switched: the rollback gives up."""
    shop.acts.then = lambda act: move(shop, old=0, new=0) if act == "traffic waiting" else None
    with pytest.raises(ToolError, match="somebody changed traffic"):
        back(shop)
    assert shop.ledger.live == CLEAN.live


def test_old_answers_last_as_long_as_the_balancer_lets_requests_end(shop: Behind) -> None:
    """The deregistration delay of live's group, not the TTL of a record that does not change."""
    done = back(shop)
    assert done.old_answers_until is not None
    assert done.old_answers_until - shop.ledgers.now >= DELAY
