"""Traffic that follows the ledger, in a sweep: rolled forward, reported, drained, in its order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import CloudError
from reconciler.gc.verdict import Reason, Role
from reconciler.model import tags as t
from reconciler.model.ledger import Lease, Ledger, Live, Previous
from reconciler.model.outcome import OutcomeStatus
from reconciler.model.resource import INSTANCE, TARGET_GROUP, Resource
from reconciler.model.tags import Label
from reconciler.sweep.executor import Executor
from reconciler.sweep.result import Tally
from tests.fakes.inventory import FakeHeap
from tests.fakes.scene import Scene
from tests.fakes.traffic import FakeTraffic
from tests.support.shop_world import (
    ALL,
    CLEAN,
    DEAD,
    LEDGER,
    LISTENER,
    LIVE,
    NOW,
    OLD,
    PLACE,
    target_group,
)

NEW, OLDER = target_group(LIVE, Label.PENDING, 17), target_group(OLD, Label.LIVE, 9)
LATER = NOW + timedelta(minutes=6)
OURS = tuple(one for one in ALL if one.deploy != DEAD)


class Behind(Scene):
    """Shop behind a load balancer; `pending`: its last commit is not finished."""

    def __init__(
        self,
        root: Path,
        weights: Iterable[tuple[Resource, int]],
        *,
        ledger: Ledger = CLEAN,
        pending: bool = False,
        resources: Iterable[Resource] = OURS,
    ) -> None:
        super().__init__(root, resources, ledger)
        self.traffic = FakeTraffic(self.heap, self.acts)
        for group, weight in weights:
            self.traffic.add(group, weight)
        address = replace(self.managed.address, traffic=(LISTENER,))
        self.managed = replace(self.managed, traffic=self.traffic, address=address)
        if pending:
            self.heap.change("i-17", tags={t.STATE: "pending"})
        self.acts.clear()

    @property
    def weights(self) -> dict[str, int]:
        """Weight by the machine behind the group."""
        found = self.traffic.weights()
        return {(self.heap.at(one).uses or ("",))[0]: weight for one, weight in found.items()}


@pytest.mark.parametrize("young", [False, True])
def test_a_switch_is_rolled_forward_in_every_round(tmp_path: Path, young: bool) -> None:
    """Before anything else, and before writes are taken: a young sweep does not skip it."""
    shop = Behind(tmp_path, [(OLDER, 1), (NEW, 0)], pending=True)
    result = shop.sweep(unfinished_only=young)
    assert shop.weights == {"i-9": 0, "i-17": 1}
    assert not result.trouble
    switched = shop.acts.index(f"switch {NEW.id}")
    told = [shop.acts.index(one) for one in shop.did("label", "run", "app", "thaw", "shut")]
    assert all(switched < one for one in told)
    assert young or shop.heap.labels()["i-17"] == "live"


def test_everything_waits_for_a_switch_that_fails(tmp_path: Path) -> None:
    """No label, no job, no deletion; the next sweep tries again."""
    shop = Behind(tmp_path, [(OLDER, 1), (NEW, 0)], pending=True, resources=ALL)
    shop.traffic.failing["switch"] = CloudError("no answer")
    result = shop.sweep()
    assert "no answer" in result.trouble[0]
    assert not shop.did("label", "delete")
    shop.traffic.failing.clear()
    shop.sweep()
    assert shop.weights == {"i-9": 0, "i-17": 1}
    assert shop.heap.labels()["i-17"] == "live"


def test_rule_10_traffic_is_moved_only_under_the_ledger_of_the_plan(tmp_path: Path) -> None:
    """A switch has no fence: whoever took the lease since then may be writing the action."""
    shop = Behind(tmp_path, [(OLDER, 1), (NEW, 0)], pending=True)
    (service_plan,) = shop.plan().services
    reading = shop.ledgers.read(shop.address)
    taken = Lease(DEAD, NOW + timedelta(minutes=4), "launch")
    shop.ledger = replace(CLEAN, gen=CLEAN.gen + 1, lease=taken)
    tally = Tally()
    Executor(shop.managed, reading, tally, shop.told.append).run(service_plan)
    assert shop.weights == {"i-9": 1, "i-17": 0}
    assert "the ledger has changed" in tally.trouble[0]
    assert not shop.did("switch", "label")


def test_after_the_label_traffic_is_reported_and_never_moved(tmp_path: Path) -> None:
    """A person's hand: the service is unknown, nothing of it is touched, the cure is named."""
    shop = Behind(tmp_path, [(OLDER, 1), (NEW, 0)], resources=ALL)
    result = shop.sweep()
    assert shop.weights == {"i-9": 1, "i-17": 0}
    assert not shop.did("switch", "delete", "label", "drained", "detach")
    (unknown,) = result.left.unknown
    assert str(OLD) in unknown.problem
    assert "deployer traffic shop --follow" in unknown.root.cure


@pytest.mark.parametrize("pending", [False, True])
def test_an_action_with_a_foreign_group_is_not_changed(tmp_path: Path, pending: bool) -> None:
    """Reported; and a commit that cannot be finished waits, jobs and labels with it."""
    hers = Resource(TARGET_GROUP, "targetgroup/hers/1", PLACE, name="hers", uses=("i-x",))
    shop = Behind(tmp_path, [(OLDER, 1 if pending else 0), (NEW, 0), (hers, 1)], pending=pending)
    if not pending:
        shop.heap.change(NEW.id, tags={t.STATE: "live"})
    result = shop.sweep()
    assert shop.weights["i-x"] == 1
    assert not shop.did("switch", "label", "drained", "detach")
    said = " ".join(result.left.contradictions)
    assert hers.id in said


def test_an_old_group_drains_from_the_switch_as_seen(tmp_path: Path) -> None:
    """First the time is written on it; when that has passed, it goes; its machine stays."""
    live = replace(NEW, tags={**NEW.tags, t.STATE: "live"})
    shop = Behind(tmp_path, [(OLDER, 0), (live, 1)])
    shop.sweep()
    assert shop.heap.at(OLDER.id).tags[t.DRAINED] == "20261123T033452Z"
    assert shop.weights == {"i-9": 0, "i-17": 1}
    shop.sweep()
    assert OLDER.id in shop.heap.ids
    shop.ledgers.now = LATER
    shop.sweep()
    assert OLDER.id not in shop.heap.ids
    assert shop.weights == {"i-17": 1}
    assert {"i-9", "i-17"} <= shop.heap.ids


def test_a_group_that_gets_requests_again_stays(tmp_path: Path) -> None:
    """Whatever was written on it: read again right before it goes."""
    live = replace(NEW, tags={**NEW.tags, t.STATE: "live"})
    old = replace(OLDER, tags={**OLDER.tags, t.DRAINED: "20261123T031502Z"})
    shop = Behind(tmp_path, [(old, 0), (live, 1)])
    shop.heap.meddlers.append(lambda: shop.traffic.actions[LISTENER].update({old.id: 1}))
    shop.sweep()
    assert old.id in shop.heap.ids


def test_nothing_of_traffic_is_changed_under_a_lease(tmp_path: Path) -> None:
    """Two that read and write an action would undo each other."""
    held = replace(CLEAN, lease=Lease(DEAD, NOW + timedelta(minutes=4), "database"))
    old = replace(OLDER, tags={**OLDER.tags, t.DRAINED: "20261123T031502Z"})
    shop = Behind(tmp_path, [(old, 0), (NEW, 1)], ledger=held)
    shop.sweep()
    assert shop.weights == {"i-9": 0, "i-17": 1}
    assert not shop.did("switch", "delete", "drained", "detach")


def test_a_group_goes_before_its_machines(tmp_path: Path) -> None:
    """Of a dead release: at once, since it never had any requests."""
    dead = target_group(DEAD, Label.PENDING, 41)
    live = replace(NEW, tags={**NEW.tags, t.STATE: "live"})
    shop = Behind(tmp_path, [(live, 1), (dead, 0)], resources=ALL)
    shop.sweep()
    deleted = shop.did("delete")
    assert deleted[0] == f"delete {dead.id}"
    assert "delete i-41" in deleted
    assert shop.weights == {"i-17": 1}


@pytest.mark.parametrize("young", [False, True])
def test_machines_stay_while_their_group_does(tmp_path: Path, young: bool) -> None:
    """AWS would terminate them: a late request that names the group would find nobody."""
    dead = target_group(DEAD, Label.PENDING, 41)
    live = replace(NEW, tags={**NEW.tags, t.STATE: "live"})
    shop = Behind(tmp_path, [(live, 1), (dead, 0)], resources=ALL)
    shop.heap.protected[dead.id] = "ResourceInUse"
    result = shop.sweep(unfinished_only=young)
    assert {dead.id, "i-41"} <= shop.heap.ids
    blocked = {one.resource.id for one in result.outcomes if one.status is OutcomeStatus.BLOCKED}
    assert {dead.id, "i-41"} <= blocked


def test_the_group_of_a_failed_rollback_goes_at_once(tmp_path: Path) -> None:
    """Its deploy is rooted, its maker is not, and it never had any requests."""
    back = replace(DEAD, suffix="backx".replace("x", "2"))
    group = target_group(OLD, Label.PENDING, 9, lease=back)
    live = replace(NEW, tags={**NEW.tags, t.STATE: "live"})
    shop = Behind(tmp_path, [(live, 1), (group, 0)])
    shop.sweep()
    assert group.id not in shop.heap.ids
    assert "i-9" in shop.heap.ids


def test_after_a_rollback_the_newest_group_of_live_serves(tmp_path: Path) -> None:
    """An older one of the same deploy drains like any other."""
    back = replace(DEAD, suffix="back2")
    ledger = replace(
        CLEAN,
        live=Live(OLD, ("10.0.1.9",)),
        previous=(Previous(LIVE, NOW - timedelta(minutes=1), ("10.0.1.17",), rejected=True),),
    )
    fresh = target_group(OLD, Label.PENDING, 9, lease=back)
    shop = Behind(tmp_path, [(OLDER, 0), (NEW, 1), (fresh, 0)], ledger=ledger)
    shop.heap.change("i-9", tags={t.STATE: "pending"})
    shop.sweep()
    assert shop.traffic.weights() == {OLDER.id: 0, NEW.id: 0, fresh.id: 1}
    assert t.DRAINED in shop.heap.at(OLDER.id).tags
    assert t.DRAINED in shop.heap.at(NEW.id).tags
    shop.ledgers.now = LATER
    shop.sweep()
    assert shop.traffic.weights() == {fresh.id: 1}


def test_a_previous_release_is_not_forgotten_before_its_group_is_gone(tmp_path: Path) -> None:
    """Else its machines could go first."""
    live = replace(NEW, tags={**NEW.tags, t.STATE: "live"})
    shop = Behind(tmp_path, [(OLDER, 0), (live, 1)])
    retention = replace(shop.managed.retention, keep=0)
    shop.managed = replace(shop.managed, retention=retention)
    shop.sweep()
    assert OLD in shop.ledger.rooted
    shop.ledgers.now = LATER
    shop.sweep()
    assert OLDER.id not in shop.heap.ids
    shop.sweep()
    assert OLD not in shop.ledger.rooted
    assert shop.acts.index(f"delete {OLDER.id}") < shop.acts.index("delete i-9")


def test_an_adopted_group_leaves_the_route_and_stays(tmp_path: Path) -> None:
    """No deploy created it, so no sweep deletes it."""
    tags = {
        t.ID: str(OLD),
        t.LEDGER: LEDGER,
        t.STATE: "live",
        t.HOLD: t.HELD_BY_ADOPTION,
        t.PART: t.part(TARGET_GROUP, PLACE),
        t.LISTENER: LISTENER,
    }
    hand = Resource(TARGET_GROUP, "targetgroup/hand/1", PLACE, tags, name="hand", uses=("i-9",))
    live = replace(NEW, tags={**NEW.tags, t.STATE: "live"})
    shop = Behind(tmp_path, [(hand, 0), (live, 1)])
    shop.sweep()
    shop.ledgers.now = LATER
    shop.sweep()
    assert shop.traffic.weights() == {live.id: 1}
    assert hand.id in shop.heap.ids
    assert shop.plan().empty


def test_traffic_that_cannot_be_read_makes_the_service_unknown(tmp_path: Path) -> None:
    """Unknown is not empty: nothing is deleted."""
    shop = Behind(tmp_path, [(NEW, 1)], resources=ALL)
    shop.traffic.failing["read"] = CloudError("elasticloadbalancing: no answer")
    result = shop.sweep()
    assert "no answer" in result.left.unknown[0].problem
    assert not shop.did("delete", "label", "swap")


def test_who_serves_is_kept_whatever_the_ledger_says(tmp_path: Path) -> None:
    """A machine that people registered with the live group is a witness, like a name (rule 9)."""
    live = replace(NEW, tags={**NEW.tags, t.STATE: "live"}, uses=("i-17", "i-41"))
    shop = Behind(tmp_path, [(live, 1)], resources=ALL)
    (service_plan,) = shop.plan().services
    found = {one.resource.id: one.reason for one in service_plan.verdicts}
    assert found["i-41"] is Reason.WITNESSED
    shop.sweep()
    assert "i-41" in shop.heap.ids


def test_the_verdicts_say_why(tmp_path: Path) -> None:
    """Live's, and one that drains."""
    live = replace(NEW, tags={**NEW.tags, t.STATE: "live"})
    shop = Behind(tmp_path, [(OLDER, 0), (live, 1)])
    (service_plan,) = shop.plan().services
    found = {one.resource.id: one for one in service_plan.verdicts}
    assert found[live.id].reason is Role.LIVE
    assert found[OLDER.id].reason is Reason.DRAINING
    assert service_plan.traffic.drained == (OLDER.id,)
    assert FakeHeap is type(shop.heap)
    assert {one.reason for one in found.values() if one.resource.kind == INSTANCE} == {
        Role.LIVE,
        Role.PREVIOUS,
    }
