"""`jobs_on = "first"`: one machine of live runs the jobs, and another one when it is gone."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.unit_control import Act, obey
from reconciler.machine.unit_state import digest
from reconciler.model.resource import INSTANCE, Resource
from reconciler.model.tags import STATE, UNITS
from tests.fakes.scene import Scene
from tests.fakes.service_access import ToldMachine
from tests.support.shop_world import ALL, CLEAN, DEAD, GATE, LIVE

JOB = "shop-worker.service"
APP = "shop.service"
FLEET = ("i-17", "i-18", "i-19")
FIRST = replace(GATE, first_only=True)


def fleet(root: Path, gate: ActivationGate) -> Scene:
    """The shop, whose live release has three machines that were never told anything."""
    one = Scene(root, [each for each in ALL if each.deploy != DEAD])
    one.managed = replace(one.managed, gate=gate)
    assert CLEAN.live is not None
    at = tuple(f"10.0.1.{id_[2:]}" for id_ in FLEET)
    first = next(each for each in ALL if each.id == "i-17")
    for id_, address in zip(FLEET[1:], at[1:], strict=True):
        one.heap.add([replace(first, id=id_, addresses=(address,))])
        one.reach.machine(id_, address)
    one.ledger = replace(CLEAN, live=replace(CLEAN.live, at=at))
    one.ledgers.point(one.address, *at)
    return one


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Only the first is to run the jobs."""
    return fleet(tmp_path, FIRST)


def running(scene: Scene, unit: str) -> set[str]:
    """The machines of the live release that run a unit."""
    return {id_ for id_ in FLEET if unit in scene.reach.machine(id_).active()}


def told(scene: Scene) -> dict[str, str]:
    """What the tag of each says that it has obeyed."""
    found = scene.heap.scan().resources
    return {one.id: one.tags[UNITS] for one in found if one.deploy == LIVE and one.kind == INSTANCE}


def test_each_machine_runs_the_jobs_unless_it_is_said(tmp_path: Path) -> None:
    """The default: whoever wants one, says so."""
    scene = fleet(tmp_path, GATE)
    for id_ in FLEET:
        scene.heap.change(id_, tags={UNITS: ""})
    scene.sweep()
    assert running(scene, JOB) == running(scene, APP) == set(FLEET)


def test_all_machines_are_told_side_by_side_and_get_their_label_in_one_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits for all the others before it obeys: only possible side by side."""
    scene = fleet(tmp_path, GATE)
    for id_ in FLEET:
        scene.heap.change(id_, tags={UNITS: "", STATE: "pending"})
    together, shell = threading.Barrier(len(FLEET), timeout=20), scene.reach.shell

    def met(machine: Resource) -> ToldMachine:
        if machine.id in FLEET:
            together.wait()
        return shell(machine)

    monkeypatch.setattr(scene.reach, "shell", met)
    assert scene.sweep().clean
    assert running(scene, JOB) == set(FLEET)
    assert scene.did("label live") == [f"label live {' '.join(FLEET)}"]


def test_one_runs_the_jobs_and_all_the_app(scene: Scene) -> None:
    """The first by id; the others are told, so that their next boot starts none."""
    assert scene.sweep().clean
    assert running(scene, APP) == set(FLEET)
    assert running(scene, JOB) == {"i-17"}
    beside = digest(FIRST, beside=True)
    assert told(scene) == {"i-17": digest(FIRST), "i-18": beside, "i-19": beside}
    assert scene.plan().services[0].repairs == ()


def test_when_it_is_gone_the_next_one_is_told(scene: Scene) -> None:
    """By the next sweep; of a fleet that shrinks nobody else notices that the jobs are gone."""
    scene.sweep()
    scene.heap.change("i-17", state="terminated")
    scene.sweep()
    assert running(scene, JOB) - {"i-17"} == {"i-18"}


def test_a_stopped_first_machine_keeps_the_jobs(scene: Scene) -> None:
    """It may be started again, and would run them beside another."""
    scene.sweep()
    scene.heap.change("i-17", state="stopped")
    scene.sweep()
    assert running(scene, JOB) <= {"i-17"}


def test_a_change_of_the_word_tells_the_whole_fleet(tmp_path: Path) -> None:
    """From each to the first: the others stop theirs."""
    scene = fleet(tmp_path, GATE)
    for id_ in FLEET:
        obey(scene.reach.machine(id_), GATE, Act(40, str(LIVE), app="run", jobs="run"))
    assert running(scene, JOB) == set(FLEET)
    scene.managed = replace(scene.managed, gate=FIRST)
    scene.sweep()
    assert running(scene, JOB) == {"i-17"}
