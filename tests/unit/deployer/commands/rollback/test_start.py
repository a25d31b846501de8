"""A rollback gets a resting release to serve: machines, then the app, all under its own lease."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.commands.rollback.command import rollback
from deployer.commands.status import status
from reconciler.errors import CloudError, Refused, SmokeFailed, ToolError
from reconciler.machine.activation_gate import STATE
from reconciler.model import tags as t
from reconciler.model.ledger import Live, Via
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, LIVE, OLD, UNITS

MACHINE = "i-9"
ORDER = f"run the app, stop the jobs on {MACHINE}"
PUBLIC, NEW = "198.51.100.9", "198.51.100.77"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A shop with a previous release whose app is stopped."""
    one = Scene(tmp_path, [thing for thing in ALL if thing.deploy != DEAD])
    one.heap.change(MACHINE, tags={t.UNITS: f"{UNITS} drained"})
    return one


def park(scene: Scene) -> None:
    """The previous release's machine has halted."""
    scene.heap.change(MACHINE, state="stopped", tags={t.UNITS: f"{UNITS} parked"})


def back(scene: Scene) -> None:
    """Roll back, whatever is lost."""
    rollback(scene.ports(), discard_writes=True)


def test_a_drained_release_runs_its_app_again(scene: Scene) -> None:
    """Before the smoke test, under the rollback's generation; its jobs begin after the commit."""
    back(scene)
    assert scene.ledger.live == Live(OLD, ("10.0.1.9",), via=Via.PRIVATE)
    acts = [one for one in scene.acts if MACHINE in one]
    assert acts.index(f"label retired {MACHINE}") < acts.index(ORDER)
    assert scene.reach.machine(MACHINE).active() == {"shop.service", "shop-worker.service"}
    assert scene.heap.at(MACHINE).tags[t.UNITS] == UNITS


def test_a_parked_release_is_started_first(scene: Scene) -> None:
    """Its tag stops saying that it is parked before it is started: a sweep finds it if we die."""
    park(scene)
    back(scene)
    acts = [one for one in scene.acts if MACHINE in one]
    assert acts[:3] == [f"label retired {MACHINE}", f"start {MACHINE}", ORDER]
    assert scene.ledger.live == Live(OLD, ("10.0.1.9",), via=Via.PRIVATE)
    assert scene.heap.at(MACHINE).tags[t.UNITS] == UNITS


def test_rule_10_a_serving_release_is_ordered_too(scene: Scene) -> None:
    """A sweep's late order to stop its app must find a newer generation, before the commit."""
    scene.heap.change(MACHINE, tags={t.UNITS: UNITS})
    seen: list[str] = []

    def look(act: str) -> None:
        if act.startswith("shut "):
            seen.append(scene.reach.machine(MACHINE).read(STATE))

    scene.acts.then = look
    back(scene)
    assert f"generation={CLEAN.gen}" not in seen[0]
    assert "app=1" in seen[0]


def test_the_record_gets_the_address_that_the_machine_has_now(scene: Scene) -> None:
    """In a ledger of an older version, too: a public address is another one after a stop."""
    park(scene)
    previous = tuple(replace(one, at=(PUBLIC,), count=0, via=None) for one in CLEAN.previous)
    scene.ledger = replace(CLEAN, previous=previous)
    scene.compute.started[MACHINE] = {"addresses": ("10.0.1.9", NEW), "public": (NEW,)}
    back(scene)
    assert scene.ledger.live == Live(OLD, (NEW,), via=Via.PUBLIC)
    assert scene.ledgers.pointed_at(scene.address) == (NEW,)


def test_a_counted_release_gets_the_addresses_of_now(scene: Scene) -> None:
    """The ledger has no address of it, only their kind: the record follows a stop and start."""
    park(scene)
    scene.heap.change(MACHINE, addresses=("10.0.1.9",), public=())
    previous = tuple(replace(one, count=1, via=Via.PUBLIC) for one in CLEAN.previous)
    scene.ledger = replace(CLEAN, previous=previous)
    scene.compute.started[MACHINE] = {"addresses": ("10.0.1.9", NEW), "public": (NEW,)}
    back(scene)
    assert scene.ledger.live == Live(OLD, (NEW,), via=Via.PUBLIC)
    assert scene.ledgers.pointed_at(scene.address) == (NEW,)


def test_an_address_that_comes_after_the_start_is_waited_for(scene: Scene) -> None:
    """EC2 shows a machine as running before it shows what address it has."""
    park(scene)
    scene.compute.started[MACHINE] = {"addresses": ()}

    def give(act: str) -> None:
        if act == "describe" and scene.heap.at(MACHINE).state == "running":
            if shown:
                scene.heap.change(MACHINE, addresses=("10.0.1.9",))
            shown.append(act)

    shown: list[str] = []
    scene.acts.then = give
    back(scene)
    assert scene.ledger.live == Live(OLD, ("10.0.1.9",), via=Via.PRIVATE)


def test_rule_10_a_slow_start_leaves_a_short_lease_for_the_freeze(scene: Scene) -> None:
    """While machines start the lease is long; if we die in the freeze, a sweep opens live soon."""
    park(scene)
    held: list[timedelta] = []

    def look(act: str) -> None:
        lease = scene.ledger.lease
        if act.startswith(("start ", "shut ")) and lease is not None:
            held.append(lease.until - scene.ledgers.now)

    scene.acts.then = look
    back(scene)
    assert held[1] < timedelta(minutes=2) < held[0]


def test_a_counted_release_that_lacks_a_machine_stays_where_it_is(scene: Scene) -> None:
    """Part of its addresses would send part of the clients nowhere: live serves on."""
    previous = tuple(replace(one, count=2) for one in CLEAN.previous)
    scene.ledger = replace(CLEAN, previous=previous)
    with pytest.raises(ToolError, match="cannot serve"):
        back(scene)
    assert scene.ledger.live == CLEAN.live
    assert scene.ledgers.pointed_at(scene.address) == ("10.0.1.17",)


def test_no_capacity_leaves_live_as_it_is(scene: Scene) -> None:
    """The refusal says so, and what else could be done; the lease is over."""
    park(scene)
    code = "InsufficientInstanceCapacity"
    scene.compute.failing["start"] = CloudError("ec2:StartInstances: no", code=code)
    with pytest.raises(CloudError, match="AWS has no capacity to start i-9") as failed:
        back(scene)
    assert "what is live serves on, untouched" in failed.value.message
    assert f"deployer rollback shop --to {OLD}" in failed.value.cure
    live, lease = scene.ledger.live, scene.ledger.lease
    assert (live, lease) == (CLEAN.live, None)
    assert scene.ledgers.pointed_at(scene.address) == ("10.0.1.17",)
    assert scene.did("shut", "thaw") == []


def test_one_that_does_not_come_up_leaves_live_as_it_is(scene: Scene) -> None:
    """Terminated meanwhile, or never running: said, with its state."""
    park(scene)
    scene.compute.started[MACHINE] = {"state": "shutting-down"}
    scene.heap.slow[MACHINE] = 9
    with pytest.raises(ToolError, match="i-9 is shutting-down"):
        back(scene)
    assert scene.ledger.live == CLEAN.live
    assert scene.ledger.live is not None
    assert scene.ledger.live.id == LIVE


def test_without_machines_there_is_no_way_back(scene: Scene) -> None:
    """With park = "terminate" the words say why nothing is there."""
    scene.ledger = replace(CLEAN, previous=())
    scene.heap.held = {key: one for key, one in scene.heap.held.items() if one.deploy == LIVE}
    with pytest.raises(Refused) as refused:
        rollback(scene.ports(park="terminate"))
    assert 'park = "terminate"' in refused.value.detail


def test_status_says_until_when_there_is_a_way_back(scene: Scene) -> None:
    """With park = "terminate" the target goes after park_after; else nothing is said."""
    said = status(scene.ports(park="terminate", park_after=timedelta(hours=2))).notes
    assert any("is deleted from 2026-11-23 04:19 UTC on" in note for note in said)
    assert not any("is deleted from" in note for note in status(scene.ports()).notes)


def test_what_was_started_in_vain_rests_again(scene: Scene) -> None:
    """Exit 1 says that nothing is left to do: a machine that was parked does not run on."""
    park(scene)
    old = replace(CLEAN.previous[0], retired=CLEAN.previous[0].retired - timedelta(days=2))
    scene.ledger = replace(CLEAN, previous=(old,))
    checks = [{"command": "false", "tries": 1}]
    with pytest.raises(SmokeFailed):
        rollback(scene.ports(smoke=checks, park="stop"), discard_writes=True)
    assert scene.ledger.live == CLEAN.live
    assert f"start {MACHINE}" in scene.acts
    assert scene.heap.at(MACHINE).tags[t.UNITS] == f"{UNITS} drained"  # told to halt


def test_rule_18_a_target_labelled_live_is_labelled_before_it_is_told_anything(
    scene: Scene,
) -> None:
    """Its follow-up died. If this rollback dies too, the label shows that its jobs were stopped."""
    scene.heap.change(MACHINE, tags={t.UNITS: UNITS, t.STATE: "live"})
    back(scene)
    acts = [one for one in scene.acts if MACHINE in one]
    assert acts.index(f"label pending {MACHINE}") < acts.index(ORDER)


def test_rule_18_nothing_is_told_where_that_label_fails(scene: Scene) -> None:
    """Live serves on, and the rollback can be tried again."""
    scene.heap.change(MACHINE, tags={t.UNITS: UNITS, t.STATE: "live"})
    scene.heap.unlabelled[MACHINE] = "denied"
    with pytest.raises(ToolError, match=f"{MACHINE} could not be labelled: denied"):
        back(scene)
    assert ORDER not in scene.acts[: scene.acts.index("scan")]  # what follows is the undo
