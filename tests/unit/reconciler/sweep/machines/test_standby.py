"""A sweep puts machines of previous deploys to rest: fenced, noted in their tag, and only once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.cost.price_list import Prices
from reconciler.errors import CannotConnect, NotTried
from reconciler.gc.retention import Retention, StandbyPolicy
from reconciler.machine.activation_gate import STATE
from reconciler.model import tags as t
from reconciler.model.ledger import Lease, Previous
from reconciler.model.reading import ARecord
from reconciler.model.tags import Label
from reconciler.output.plan import plan_lines
from reconciler.plan.circuit_breaker import Cap
from reconciler.sweep.machines import standby
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, NOW, OLD, UNITS

POLICY = StandbyPolicy(drain=timedelta(minutes=10), park="stop", park_after=timedelta(hours=24))
MACHINE = "i-9"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A shop whose previous release went live an hour ago; EC2 stops a machine that halts."""
    one = Scene(tmp_path, [thing for thing in ALL if thing.deploy != DEAD])
    one.managed = replace(one.managed, retention=Retention(standby=POLICY))

    def stops(act: str) -> None:
        if act.startswith("halt "):
            one.heap.change(act.split()[1], state="stopped")

    one.acts.then = stops
    return one


def retired(scene: Scene, age: timedelta) -> None:
    """The previous deploy was retired so long ago."""
    scene.ledger = replace(CLEAN, previous=(Previous(OLD, NOW - age, ("10.0.1.9",)),))


def told(scene: Scene) -> str:
    """What the machine's tag says that it has obeyed."""
    return scene.heap.at(MACHINE).tags[t.UNITS]


def orders(scene: Scene) -> list[str]:
    """What the machine was told to do."""
    return [act for act in scene.did("stop", "run", "halt") if MACHINE in act]


def test_the_app_is_stopped_after_the_drain(scene: Scene) -> None:
    """Once: its tag says so, and no later sweep asks the machine again."""
    retired(scene, timedelta(hours=1))
    scene.reach.machine(MACHINE).flag("shop.service", "active")
    assert scene.sweep().clean
    assert orders(scene) == [f"stop the app, stop the jobs on {MACHINE}"]
    assert scene.reach.machine(MACHINE).active() == set()
    assert told(scene) == f"{UNITS} drained"
    assert scene.heap.at(MACHINE).state == "running"
    scene.acts.clear()
    assert scene.sweep().clean
    assert orders(scene) == []


def test_not_before(scene: Scene) -> None:
    """Old answers of DNS, and then connections, have their time."""
    retired(scene, timedelta(minutes=12))
    assert scene.sweep().clean
    assert (orders(scene), told(scene)) == ([], UNITS)


def test_a_machine_is_parked_by_itself(scene: Scene) -> None:
    """It halts at the end of its order; the tag says so when EC2 says that it is stopped."""
    retired(scene, timedelta(hours=25))
    assert scene.sweep().clean
    assert orders(scene) == [
        f"stop the app, stop the jobs, halt on {MACHINE}",
        f"halt {MACHINE}",
    ]
    assert told(scene) == f"{UNITS} parked"
    assert scene.heap.labels()[MACHINE] == "retired"
    assert "generation=44" in scene.reach.machine(MACHINE).read(STATE)
    scene.acts.clear()
    assert scene.sweep().clean
    assert orders(scene) == []


def test_one_that_takes_its_time_is_noted_by_the_next_sweep(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told, but not stopped yet: that is work left, and no machine that can be relied on."""
    monkeypatch.setattr(standby, "HALT_WAIT", 0.0)
    retired(scene, timedelta(hours=25))
    scene.acts.then = lambda act: (
        scene.heap.change(MACHINE, state="stopping") if act.startswith("halt ") else None
    )
    assert not scene.sweep().clean
    assert told(scene) == f"{UNITS} drained"
    scene.heap.change(MACHINE, state="stopped")
    assert scene.sweep().clean
    assert told(scene) == f"{UNITS} parked"


def test_rule_10_a_machine_that_obeyed_a_newer_generation_refuses(scene: Scene) -> None:
    """A late halt lands on a machine that a rollback has just ordered to run."""
    retired(scene, timedelta(hours=25))
    state = f"instance={MACHINE}\ngeneration=45\napp=1\njobs=0\n"
    scene.reach.machine(MACHINE).write(STATE, state)
    result = scene.sweep()
    assert not result.clean
    assert any("newer generation" in one.text for one in result.outcomes)
    assert scene.did("halt") == []
    assert told(scene) == UNITS


def test_nothing_while_somebody_holds_the_lease(scene: Scene) -> None:
    """A rollback may be on its way to that very machine."""
    retired(scene, timedelta(hours=25))
    scene.ledger = replace(scene.ledger, lease=Lease(DEAD, NOW + timedelta(minutes=9), "smoke"))
    scene.sweep()
    assert orders(scene) == []


def test_nothing_under_a_lease_of_the_very_generation(scene: Scene) -> None:
    """Whatever a plan says: who holds the lease may be on the way to that machine."""
    retired(scene, timedelta(hours=25))
    rests = scene.plan().services[0].rests
    lease = Lease(DEAD, NOW + timedelta(minutes=9), "smoke")
    scene.ledger = replace(scene.ledger, lease=lease)
    outcomes = standby.put_to_rest(scene.managed, scene.ledger.gen, rests)
    assert [one.resource.id for one in outcomes] == [MACHINE]
    assert orders(scene) == []


def test_a_lease_taken_since_the_plan_forbids_it(scene: Scene) -> None:
    """The ledger is read again right before the order, and again before the tag."""
    retired(scene, timedelta(hours=25))
    lease = Lease(DEAD, NOW + timedelta(minutes=9), "smoke")
    rests = scene.plan().services[0].rests
    scene.ledger = replace(scene.ledger, gen=45, lease=lease)
    scene.acts.clear()
    [outcome] = standby.put_to_rest(scene.managed, 44, rests)
    assert "the ledger has changed" in outcome.text
    assert orders(scene) == []


def test_no_tag_is_written_after_the_ledger_has_changed(scene: Scene) -> None:
    """It was forgotten meanwhile: labelled `retired` again, it would be lost."""
    retired(scene, timedelta(hours=25))
    rests = scene.plan().services[0].rests

    def forget(act: str) -> None:
        if act.startswith("halt "):
            scene.heap.change(MACHINE, state="stopped", tags={t.STATE: Label.LEFT.value})
            scene.ledger = replace(CLEAN, gen=46, previous=())

    scene.acts.then = forget
    standby.put_to_rest(scene.managed, 44, rests)
    assert scene.heap.labels()[MACHINE] == "left"


def test_rule_13_a_name_that_leads_there_forbids_it(scene: Scene) -> None:
    """Its clients use the old release: it serves on, and the report says for whom."""
    retired(scene, timedelta(hours=25))
    scene.ledgers.zone.records["old.example.com"] = ARecord(60, ("10.0.1.9",))
    result = scene.sweep()
    assert orders(scene) == []
    [note] = result.left.contradictions
    assert "old.example.com holds an address" in note
    assert "go to rest" in note


def test_a_machine_that_would_be_terminated_is_only_drained(scene: Scene) -> None:
    """Somebody changed its shutdown behaviour: a halt would end it. The report has the cure."""
    retired(scene, timedelta(hours=25))
    scene.heap.ends[MACHINE] = "its shutdown behaviour is `terminate`, not `stop`"
    result = scene.sweep()
    assert not result.clean
    assert scene.did("halt") == []
    assert told(scene) == f"{UNITS} drained"
    [text] = [one.text for one in result.outcomes if one.resource.id == MACHINE]
    assert "--instance-initiated-shutdown-behavior stop" in text


@pytest.mark.parametrize(
    "error", [CannotConnect("no answer", kind="refused"), NotTried("reach.machines = false")]
)
def test_one_out_of_reach_is_left_as_it_is(scene: Scene, error: CannotConnect | NotTried) -> None:
    """Nothing is noted of what was not obeyed; it is said, and tried again."""
    retired(scene, timedelta(hours=25))
    scene.reach.down[MACHINE] = error
    result = scene.sweep()
    assert not result.clean
    assert told(scene) == UNITS
    assert any(error.message in one.text for one in result.outcomes)


def test_a_session_that_dies_with_the_machine_is_no_failure(scene: Scene) -> None:
    """The machine went down before it could answer: EC2 says that it is stopped."""
    retired(scene, timedelta(hours=25))
    scene.reach.machine(MACHINE).cuts.append("stop the app, stop the jobs, halt")
    scene.acts.then = lambda act: (
        scene.heap.change(MACHINE, state="stopped") if act.startswith("stop the app") else None
    )
    assert scene.sweep().clean
    assert told(scene) == f"{UNITS} parked"


def test_another_set_of_units_leaves_a_parked_machine_asleep(scene: Scene) -> None:
    """It is told when a rollback starts it; a drained one is told, and stays drained."""
    retired(scene, timedelta(hours=25))
    scene.heap.change(MACHINE, state="stopped", tags={t.UNITS: "another parked"})
    assert scene.sweep().clean
    assert orders(scene) == []
    retired(scene, timedelta(hours=1))
    scene.heap.change(MACHINE, state="running", tags={t.UNITS: "another drained"})
    assert scene.sweep().clean
    assert orders(scene) == [f"stop the app, stop the jobs on {MACHINE}"]
    assert told(scene) == f"{UNITS} drained"


def test_the_plan_names_it_and_what_it_saves(scene: Scene) -> None:
    """Before anything is done."""
    retired(scene, timedelta(hours=25))
    plan = scene.plan()
    assert not plan.empty
    lines = "\n".join(plan_lines(plan, Cap(), Prices()))
    assert f"~ park      {MACHINE} of v1.4.2" in lines
    assert "which saves $0.0" in lines
