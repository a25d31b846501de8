"""What left is nobody's: no sweep, no old ledger and no other service takes it or its data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.commands.adopt import AdoptOptions, adopt
from deployer.commands.leave.command import LeaveOptions, leave
from reconciler.database.state_comment import Memory
from reconciler.errors import Refused, ToolError
from reconciler.gc.retention import Retention
from reconciler.model import ledger as ledgers
from reconciler.model import ledger_transitions as others
from reconciler.model import tags as t
from reconciler.model.ledger import (
    Cutover,
    Ending,
    Lease,
    Ledger,
    LedgerHome,
    Live,
    NotAllowed,
    Via,
)
from reconciler.model.ledger_codec import decode, encode
from reconciler.model.tags import Label
from reconciler.plan.service_plan import SweepRequest
from tests.fakes.scene import Scene
from tests.support.gated_live import KEY, gated
from tests.support.shop_world import (
    CLEAN,
    DEAD,
    LEDGER,
    LIVE,
    NOW,
    OLD,
    deploy,
    target_group,
)
from tests.unit.reconciler.sweep.test_traffic import LATER, OURS, Behind

LIVE_DB, OLD_DB = LIVE.database_name(LEDGER), OLD.database_name(LEDGER)
LIVES = {"i-17", "vol-17", "eni-17", "ami-17", "snap-17"}
UNTIL = NOW + timedelta(hours=24)
LEFT = others.leave(CLEAN, replace(CLEAN.live, ids=("i-17",)), NOW, UNTIL) if CLEAN.live else CLEAN


def yes(_: object) -> bool:
    """A person who has looked."""
    return True


def serving(scene: Scene) -> Scene:
    """Live has its gate, and its units are enabled and run."""
    gated(scene)
    scene.acts.clear()
    return scene


def broad_sweeps(scene: Scene) -> None:
    """A month later, with a configuration that keeps as little as possible."""
    scene.ledgers.now = NOW + timedelta(days=30)
    for _ in range(3):
        scene.sweep(SweepRequest(Retention(keep=0, keep_rejected=timedelta(0)), 0))


def came_back(scene: Scene) -> None:
    """`deployer adopt`, of the same machine."""
    scene.connector.keys["10.0.1.17"] = KEY
    scene.connector.at["10.0.1.17"] = scene.reach.machine("i-17")
    adopt(scene.ports(), yes, AdoptOptions(host_key=KEY.tag_value))


def test_older_target_groups_go_before_the_service_does(tmp_path: Path) -> None:
    """Afterwards live's group is nobody's, so the listener is not changed any more.

    The older release waited for its group, and was kept, and paid for, for good; exit 0.
    """
    new, old = target_group(LIVE, Label.LIVE, 17), target_group(OLD, Label.RETIRED, 9)
    shop = Behind(tmp_path, [(old, 0), (new, 1)])
    serving(shop)
    with pytest.raises(Refused, match="stands beside live's") as refused:
        leave(shop.ports(), yes)
    assert "reconciler sweep --service shop" in refused.value.cure
    assert shop.ledger == CLEAN
    shop.sweep()
    shop.ledgers.now = LATER
    shop.sweep()
    leave(shop.ports(), yes, LeaveOptions(timedelta(hours=2)))
    broad_sweeps(shop)
    assert shop.heap.ids == LIVES | {new.id}
    assert shop.traffic.weights() == {new.id: 1}


def test_what_live_shares_stays_and_comes_back(tmp_path: Path) -> None:
    """Its maker is forgotten a day later: the tombstone keeps the database, `adopt` knows it."""
    shared = replace(CLEAN, live=Live(LIVE, ("10.0.1.17",), (), Via.PRIVATE, OLD))
    scene = Scene(tmp_path, OURS, shared)
    del scene.server.held[LIVE_DB]
    scene.heap.change("i-17", tags={t.SHARES: str(OLD)})
    scene.sweep()
    leave(serving(scene).ports(), yes)
    broad_sweeps(scene)
    assert (scene.databases, scene.server.is_shut(OLD_DB)) == ({OLD_DB}, False)
    assert scene.ledger.rooted == {LIVE}
    came_back(scene)
    assert scene.ledger.live
    assert scene.ledger.live.db == OLD
    broad_sweeps(scene)
    assert (scene.databases, scene.server.is_shut(OLD_DB)) == ({OLD_DB}, False)


def test_the_ledger_of_before_is_restored(tmp_path: Path) -> None:
    """A zone's backup says that it is live still: nothing is touched, and nobody says all is well.

    Its database has our name and no memory, which no release leaves behind.
    """
    scene = serving(Scene(tmp_path, OURS))
    leave(scene.ports(), yes)
    scene.ledger = CLEAN
    result = scene.sweep()
    assert not result.clean
    broad_sweeps(scene)
    assert scene.heap.ids >= LIVES
    assert (LIVE_DB in scene.databases, scene.server.is_shut(LIVE_DB)) == (True, False)
    assert scene.server.held[LIVE_DB].comment == ""


def test_another_service_has_the_machine_now(tmp_path: Path) -> None:
    """`leave` once more, and `adopt`: neither takes from `store` what it has adopted since."""
    scene = serving(Scene(tmp_path, OURS))
    leave(scene.ports(), yes)
    theirs = {
        t.ID: "store/20261124T031502Z-7kq2m",
        t.LEDGER: "Z1/store._deploy.example.com",
        t.HOLD: t.HELD_BY_ADOPTION,
        t.STATE: "live",
    }
    scene.heap.change("i-17", tags=theirs)
    scene.acts.clear()
    leave(scene.ports(), yes)
    broad_sweeps(scene)
    assert theirs.items() <= scene.heap.at("i-17").tags.items()
    assert not scene.did("untag", "place", "app", "run", "remove")
    with pytest.raises(Refused, match="store/"):
        came_back(scene)
    assert scene.ledger.left


@pytest.mark.parametrize(
    "act",
    [
        lambda at: ledgers.acquire(at, DEAD, NOW),
        lambda at: ledgers.renew(at, DEAD, NOW, "copy"),
        lambda at: ledgers.commit(at, DEAD, Cutover(DEAD, ("10.0.1.41",), LIVE, NOW)),
        lambda at: ledgers.end(at, Ending(Lease(DEAD, NOW, "copy"), NOW, operator=True)),
        lambda at: ledgers.forget(at, LIVE),
        lambda at: others.retire(at, LIVE, NOW, NOW),
        lambda at: others.readdress(at, ("10.0.1.41",)),
        lambda at: others.identify(at, ("i-41",)),
        lambda at: others.leave(at, Live(LIVE, ("10.0.1.17",)), NOW, NOW),
        lambda at: others.rename(at, LedgerHome("a.b", "1" * 12, "eu-west-1"), Live(DEAD, ("x",))),
    ],
)
def test_who_wakes_after_the_leave_changes_nothing(act: Callable[[Ledger], Ledger]) -> None:
    """Whatever a process was about to write: what left stays rooted, and is not live again."""
    with pytest.raises(NotAllowed):
        act(LEFT)
    assert LIVE in others.close(LEFT, "Z2/shop._deploy.example.org").rooted
    assert LIVE in ledgers.forget(LEFT, OLD).rooted


def test_an_older_version_takes_the_tombstone_for_unknown() -> None:
    """It skips what it does not know and writes the text anew: without `left` that is another."""
    text = encode(LEFT)
    assert decode(text) == LEFT
    assert "live=" not in text
    assert encode(replace(LEFT, left=None)) != text


def test_a_sweep_that_slept_through_the_leave(tmp_path: Path) -> None:
    """Its listing and its ledger are of before; a month passes between that and its acts."""
    scene = serving(Scene(tmp_path, OURS))
    slept = iter((True,))

    def sleep(act: str) -> None:
        if act == "read shop" and next(slept, False):
            leave(scene.ports(), yes)

    scene.acts.then = sleep
    scene.sweep(SweepRequest(Retention(keep=0, keep_rejected=timedelta(0)), 0))
    assert scene.ledger.left
    assert scene.heap.ids >= LIVES
    assert not [one for one in scene.heap.at("i-17").tags if one.startswith("deploy-")]
    assert not scene.server.is_shut(LIVE_DB)


def test_a_returned_database_is_as_it_was_born(tmp_path: Path) -> None:
    """The ledger had moved: its name is of the first address. It passed for an adopted one.

    So it was never dropped, and the release that made it never let go of its data.
    """
    scene = serving(Scene(tmp_path, OURS))
    del scene.server.held[LIVE_DB]
    first = "Z9/shop._deploy.example.org"
    name = LIVE.database_name(first)
    scene.server.create(name, "shop_app", Memory(LIVE, LEDGER, NOW, generation=1, born=first))
    scene.ledger = replace(CLEAN, was=(first,))
    before = scene.plan().services[0].verdicts
    leave(scene.ports(), yes)
    came_back(scene)
    after = scene.plan().services[0].verdicts
    held = [
        [one.resource.hold for one in each if one.resource.id == name] for each in (before, after)
    ]
    assert held == [[""], [""]]


def test_a_stranger_is_adopted_while_leave_is_interrupted(tmp_path: Path) -> None:
    """The record was moved meanwhile. The tombstone goes, and what was half left is not garbage."""
    scene = serving(Scene(tmp_path, OURS))
    scene.compute.failing["untag"] = ToolError("denied")
    with pytest.raises(ToolError, match="denied"):
        leave(scene.ports(), yes)
    scene.compute.failing.clear()
    new = Live(deploy(1, "nnnnn"), ("10.0.1.55",), ("i-55",))
    scene.ledger = others.adopt(scene.ledger, new, NOW)
    scene.ledgers.point(scene.address, "10.0.1.55")
    broad_sweeps(scene)
    assert not scene.sweep().clean
    assert scene.heap.ids >= LIVES
    assert (LIVE_DB in scene.databases, scene.server.is_shut(LIVE_DB)) == (True, False)
