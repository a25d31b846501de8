"""Jobs run on one release: whoever is to give them up is told before whoever takes over begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import CannotConnect, DatabaseError
from reconciler.gc.verdict import Role
from reconciler.machine.activation_gate import STATE
from reconciler.machine.unit_control import Act, obey
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import INSTANCE
from reconciler.ports.fleet import Fleet
from reconciler.sweep.machines.handover import Handover
from reconciler.sweep.machines.repair import Finish
from reconciler.sweep.result import SweepResult
from reconciler.sweep.runner import sweep
from reconciler.sweep.snapshot import observe
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, GATE, LIVE, OLD

SILENT = CannotConnect("no route to 10.0.1.9", kind="no-route")
JOB = "shop-worker.service"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Just rolled back from OLD to LIVE: OLD's machine runs the jobs yet, and does not answer."""
    one = Scene(tmp_path, [each for each in ALL if each.deploy != DEAD])
    obey(one.reach.machine("i-9"), GATE, Act(40, str(OLD), app="run", jobs="run"))
    obey(one.reach.machine("i-17"), GATE, Act(40, str(LIVE), app="run", jobs="stop"))
    for number, label in (("9", "live"), ("17", "pending")):
        one.heap.change(f"i-{number}", tags={"deploy-state": label})
    one.reach.down["i-9"] = SILENT
    return one


def working(scene: Scene) -> set[str]:
    """The machines that run the job."""
    return {name for name, one in scene.reach.machines.items() if JOB in one.active()}


def of(result: SweepResult, id_: str) -> Outcome:
    """What became of a machine."""
    return next(one for one in result.outcomes if one.resource.id == id_)


def test_no_job_begins_while_the_old_machine_may_run_it(scene: Scene) -> None:
    """It does not answer, and EC2 says that it runs: the app serves, the jobs wait, it is said."""
    result = scene.sweep()
    assert working(scene) == {"i-9"}
    assert "shop.service" in scene.reach.machine("i-17").active()
    assert not result.clean
    assert of(result, "i-17").status is OutcomeStatus.BLOCKED
    assert "--jobs-despite i-9" in of(result, "i-17").text
    assert scene.heap.labels()["i-17"] == "pending"


def test_who_goes_live_is_marked_before_anybody_gives_up_jobs(scene: Scene) -> None:
    """Left again right after the old jobs ended, its label shows that they are to begin again."""
    del scene.reach.down["i-9"]
    scene.heap.change("i-17", tags={"deploy-state": "retired"})
    scene.acts.clear()
    scene.sweep()
    acts = [one for one in scene.acts if "i-9" in one or "i-17" in one]
    assert acts[0] == "label pending i-17"
    assert any("stop the jobs on i-9" in act for act in acts[1:])


def test_without_the_mark_nobody_gives_up_jobs(scene: Scene) -> None:
    """The label is refused: the jobs run on where they run, and the next sweep tries again."""
    del scene.reach.down["i-9"]
    scene.heap.change("i-17", tags={"deploy-state": "retired"})
    scene.heap.unlabelled["i-17"] = "UnauthorizedOperation"
    result = scene.sweep()
    assert working(scene) == {"i-9"}
    assert of(result, "i-9").status is OutcomeStatus.FAILED
    assert not result.clean


def test_once_it_was_told_the_jobs_begin(scene: Scene) -> None:
    """The next sweep reaches it: stopped there, then begun here, and only then labelled."""
    scene.sweep()
    del scene.reach.down["i-9"]
    assert scene.sweep().clean
    assert working(scene) == {"i-17"}
    assert scene.heap.labels()["i-17"] == "live"


@pytest.mark.parametrize("state", ["stopped", "terminated"])
def test_a_machine_that_ec2_calls_stopped_runs_nothing(scene: Scene, state: str) -> None:
    """Found running by the listing and stopped by the time that it counts: asked afresh."""
    scene.heap.meddlers.append(lambda: scene.heap.change("i-9", state=state))
    scene.reach.machine("i-9").boot()
    scene.sweep()
    assert working(scene) == {"i-17"}


@pytest.mark.parametrize("state", ["running", "pending", "stopping", "shutting-down"])
def test_any_other_state_is_no_proof(scene: Scene, state: str) -> None:
    """What is only on its way down still runs its jobs."""
    scene.heap.slow["i-9"] = 9
    scene.heap.meddlers.append(lambda: scene.heap.change("i-9", state=state))
    scene.sweep()
    assert working(scene) == {"i-9"}


def test_what_ec2_does_not_list_may_run(scene: Scene) -> None:
    """Unknown is not stopped."""
    handover = Handover(scene.managed)
    resources = observe(Fleet.of(scene.managed)).inventory.of(OLD)
    machine = scene.heap.held.pop((INSTANCE, "i-9"))
    handover.finish(Finish(OLD, Role.PREVIOUS, CLEAN.gen, (), resources))
    assert handover.still_runs == [machine.id]


def test_somebody_who_knows_better_says_so(scene: Scene) -> None:
    """`--jobs-despite`: of that machine and of no other."""
    other = replace(scene.managed, jobs_despite=frozenset({"i-5"}))
    sweep(Fleet.of(other))
    assert working(scene) == {"i-9"}
    sweep(Fleet.of(replace(scene.managed, jobs_despite=frozenset({"i-9"}))))
    assert "i-17" in working(scene)
    assert scene.heap.labels()["i-17"] == "live"


def test_jobs_that_run_on_live_already_are_left_alone(scene: Scene) -> None:
    """Only their beginning waits: a live machine that works is not stopped for another's sake."""
    obey(scene.reach.machine("i-17"), GATE, Act(41, str(LIVE), app="run", jobs="run"))
    scene.sweep()
    live = scene.reach.machine("i-17")
    assert JOB in live.active()
    assert "jobs=1" in live.read(STATE).splitlines()


def test_a_waiting_machine_comes_back_without_jobs(scene: Scene) -> None:
    """What it remembers at its next boot is that no job of it has begun."""
    scene.sweep()
    state = scene.reach.machine("i-17").read(STATE).splitlines()
    assert {"app=1", "jobs=0", f"generation={CLEAN.gen}"} <= set(state)


def test_a_database_that_stays_open_is_no_reason_to_keep_the_jobs(scene: Scene) -> None:
    """The machine was told: its jobs have stopped, and may begin where they belong."""
    del scene.reach.down["i-9"]
    scene.server.failing["shut"] = DatabaseError("writers still open after 30 s")
    scene.sweep()
    assert working(scene) == {"i-17"}


# The set of units.


def due(scene: Scene) -> list[str]:
    """The deploys that a sweep would finish, and why."""
    return [f"{one.deploy} {one.why}" for one in scene.plan().services[0].repairs]


@pytest.fixture
def settled(tmp_path: Path) -> Scene:
    """Live and previous, finished, each told of the units."""
    one = Scene(tmp_path, [each for each in ALL if each.deploy != DEAD])
    obey(one.reach.machine("i-9"), GATE, Act(44, str(OLD), app="run", jobs="stop"))
    obey(one.reach.machine("i-17"), GATE, Act(44, str(LIVE), app="run", jobs="run"))
    return one


def with_job(scene: Scene, job: str) -> Scene:
    """The configuration names one job more, and its unit runs everywhere."""
    gate = replace(GATE, jobs=(*GATE.jobs, job))
    scene.managed = replace(scene.managed, gate=gate)
    for number in ("9", "17"):
        scene.reach.machine(f"i-{number}").flag(f"{job}.service", "active")
    return scene


def test_a_job_that_is_added_is_due_everywhere(settled: Scene) -> None:
    """Another set is another order: stopped where it is no more to run, and remembered."""
    assert settled.plan().empty
    with_job(settled, "big-tick")
    assert len(due(settled)) == 2
    assert settled.sweep().clean
    running = {name: one.active() for name, one in settled.reach.machines.items()}
    assert "big-tick.service" in running["i-17"]
    assert "big-tick.service" not in running["i-9"]
    assert settled.plan().empty


def test_a_machine_that_was_finished_before_the_tag_was_is_due(settled: Scene) -> None:
    """Nobody knows of which units it was told."""
    settled.heap.change("i-9", tags={"deploy-units": ""})
    assert due(settled) == [f"{OLD} has not obeyed the units that are configured now"]
    assert settled.sweep().clean
    assert settled.plan().empty


def test_a_new_unit_that_an_older_machine_lacks_is_no_fault(settled: Scene) -> None:
    """What a newer release brought is not on the one before: it need not start there."""
    settled.managed = replace(settled.managed, gate=replace(GATE, app=(*GATE.app, "new")))
    old = settled.reach.machine("i-9")
    old.flag("new.service", "LoadState", "not-found")
    old.flag("new.service", "broken", "Unit new.service not found.")
    assert settled.sweep().clean
    assert "new.service" in settled.reach.machine("i-17").active()


def test_a_new_unit_that_live_lacks_is_a_fault(settled: Scene) -> None:
    """There it is to run."""
    settled.managed = replace(settled.managed, gate=replace(GATE, app=(*GATE.app, "new")))
    live = settled.reach.machine("i-17")
    live.flag("new.service", "LoadState", "not-found")
    live.flag("new.service", "broken", "Unit new.service not found.")
    assert not settled.sweep().clean
