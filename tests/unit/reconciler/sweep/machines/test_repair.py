"""Finishing one deploy: database, machines, label last; idempotent and fenced."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import AccessDenied, CannotConnect, DatabaseError, ToolError
from reconciler.gc.verdict import Role
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Kept
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.ports.fleet import Fleet
from reconciler.ports.service import ManagedService
from reconciler.sweep.machines import repair
from reconciler.sweep.machines.repair import Finish
from reconciler.sweep.snapshot import observe
from tests.fakes.scene import ROLE, Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, LEDGER, LIVE, NOW, OLD, UNITS

LIVE_DB, OLD_DB = (one.database_name(LEDGER) for one in (LIVE, OLD))


def work(scene: Scene, deploy: DeployId, role: Role, generation: int = CLEAN.gen) -> Finish:
    """The deploy's things as they are now."""
    resources = observe(Fleet.of(scene.managed)).inventory.of(deploy)
    scene.acts.clear()
    return Finish(deploy, role, generation, (), resources)


def finish(managed: ManagedService, work: Finish) -> tuple[Outcome, ...]:
    """The mark and the acts, then the label if they have been obeyed."""
    work = replace(work, unmarked=repair.mark(managed, [work]))
    outcomes = repair.finish(managed, work)
    finished = [work] if repair.is_finished(work, outcomes) else []
    return (*outcomes, *repair.label(managed, finished))


def fates(outcomes: tuple[Outcome, ...]) -> dict[str, OutcomeStatus]:
    """The last fate of each thing."""
    return {one.resource.id: one.status for one in outcomes}


def unlabel(scene: Scene, number: str) -> None:
    """Labels as at birth."""
    for kind in ("i", "vol", "eni", "ami", "snap"):
        scene.heap.change(f"{kind}-{number}", tags={"deploy-state": "pending"})


@pytest.mark.parametrize(
    ("deploy", "number", "role", "expected"),
    [
        (
            LIVE,
            "17",
            Role.LIVE,
            [f"thaw {LIVE_DB}", "run the app, run the jobs on i-17", "label live"],
        ),
        (
            OLD,
            "9",
            Role.PREVIOUS,
            [f"shut {OLD_DB}", "run the app, stop the jobs on i-9", "label retired"],
        ),
        (DEAD, "41", Role.KEPT, ["stop the app, stop the jobs on i-41", "label failed"]),
    ],
)
def test_each_role_is_driven_to_its_row(
    scene: Scene, deploy: DeployId, number: str, role: Role, expected: list[str]
) -> None:
    """The database first, then the machines, the label last."""
    unlabel(scene, number)
    outcomes = finish(scene.managed, work(scene, deploy, role))
    assert set(fates(outcomes).values()) == {OutcomeStatus.DONE}
    did = [one.split(" ami-")[0] for one in scene.did("thaw", "shut", "run", "stop", "label")]
    assert did == expected


def test_what_goes_live_again_is_pending_before_its_jobs_begin(scene: Scene) -> None:
    """Left again before it is finished, it must not look as if its jobs had been stopped."""
    scene.heap.change("i-17", tags={"deploy-state": "retired"})
    finish(scene.managed, work(scene, LIVE, Role.LIVE))
    acts = scene.did("run", "label")
    assert acts == ["label pending i-17", "run the app, run the jobs on i-17", "label live i-17"]


def test_jobs_do_not_begin_under_the_label_retired(scene: Scene) -> None:
    """What could not be labelled is told nothing; it is finished by the next sweep."""
    scene.heap.change("i-17", tags={"deploy-state": "retired"})
    scene.heap.unlabelled["i-17"] = "UnauthorizedOperation"
    outcomes = finish(scene.managed, work(scene, LIVE, Role.LIVE))
    assert fates(outcomes)["i-17"] is OutcomeStatus.FAILED
    assert not scene.did("run")


def test_twice_is_once(scene: Scene) -> None:
    """The second time nothing changes, not even a label is written."""
    unlabel(scene, "9")
    finish(scene.managed, work(scene, OLD, Role.PREVIOUS))
    before = (scene.heap.labels(), scene.reach.machine("i-9").active())
    outcomes = finish(scene.managed, work(scene, OLD, Role.PREVIOUS))
    assert set(fates(outcomes).values()) == {OutcomeStatus.DONE}
    assert scene.did("label") == []
    assert (scene.heap.labels(), scene.reach.machine("i-9").active()) == before


@pytest.mark.parametrize(
    "error",
    [CannotConnect("no route", kind="no-route"), AccessDenied("the key cannot be read")],
)
def test_a_machine_out_of_reach_is_said_and_nothing_labelled(
    scene: Scene, error: ToolError
) -> None:
    """The outcome carries the cause; the next sweep sees an unfinished deploy."""
    unlabel(scene, "9")
    scene.reach.down["i-9"] = error
    outcomes = finish(scene.managed, work(scene, OLD, Role.PREVIOUS))
    assert fates(outcomes)["i-9"] is OutcomeStatus.FAILED
    assert error.message in [one.text for one in outcomes]
    assert scene.did("label") == []


def test_one_machine_out_of_reach_does_not_stop_the_other(scene: Scene) -> None:
    """Side by side: the one that answers does what it is told."""
    unlabel(scene, "9")
    twin = replace(scene.heap.at("i-9"), id="i-10", addresses=("10.0.1.10",))
    scene.heap.add([twin])
    scene.reach.down["i-9"] = CannotConnect("no route", kind="no-route")
    found = fates(finish(scene.managed, work(scene, OLD, Role.PREVIOUS)))
    assert (found["i-9"], found["i-10"]) == (OutcomeStatus.FAILED, OutcomeStatus.DONE)
    assert scene.reach.machine("i-10").active() == {"shop.service"}


def test_a_machine_that_is_stopped_was_not_told(scene: Scene) -> None:
    """Started again it would do what it was told last: it is not finished."""
    unlabel(scene, "9")
    scene.heap.change("i-9", state="stopped")
    outcomes = finish(scene.managed, work(scene, OLD, Role.PREVIOUS))
    assert fates(outcomes)["i-9"] is OutcomeStatus.BLOCKED
    assert scene.did("label") == []


def test_a_parked_machine_is_finished_without_an_order(scene: Scene) -> None:
    """It halted after it was told, and runs nothing: nobody has to start it for a label."""
    unlabel(scene, "9")
    scene.heap.change("i-9", state="stopped", tags={t.UNITS: f"{UNITS} parked"})
    outcomes = finish(scene.managed, work(scene, OLD, Role.PREVIOUS))
    assert fates(outcomes)["i-9"] is OutcomeStatus.DONE
    assert scene.did("run the app", "stop the app") == []
    assert scene.heap.labels()["i-9"] == "retired"


def test_evidence_out_of_reach_is_labelled_all_the_same(scene: Scene) -> None:
    """That it answers nobody is often why it is kept: it must not stand in everybody's way."""
    scene.reach.down["i-41"] = CannotConnect("no route", kind="no-route")
    finish(scene.managed, work(scene, DEAD, Role.KEPT))
    assert scene.heap.labels()["i-41"] == "failed"


def test_a_database_that_fails_is_said_and_nothing_labelled(scene: Scene) -> None:
    """Writers still open: the old database is not shut, and the label does not lie."""
    unlabel(scene, "9")
    scene.server.failing["shut"] = DatabaseError("writers still open after 1 s")
    outcomes = finish(scene.managed, work(scene, OLD, Role.PREVIOUS))
    assert fates(outcomes)[OLD_DB] is OutcomeStatus.FAILED
    assert scene.did("label") == []


def test_a_stale_act_is_reported(scene: Scene) -> None:
    """A generation older than the one the database has obeyed: refused, and said so."""
    outcomes = finish(scene.managed, work(scene, OLD, Role.PREVIOUS, generation=1))
    stale = next(one for one in outcomes if one.resource.id == OLD_DB)
    assert stale.status is OutcomeStatus.FAILED
    assert "refused an act of generation 1: it has obeyed 2" in stale.text


def test_no_label_beside_a_ledger_that_has_changed(scene: Scene) -> None:
    """A label has no fence: if the ledger moved while machines were waited for, none is written."""
    unlabel(scene, "9")
    service_plan = work(scene, OLD, Role.PREVIOUS)
    scene.ledger = replace(CLEAN, gen=CLEAN.gen + 1)
    outcomes = finish(scene.managed, service_plan)
    assert scene.did("label") == []
    assert any("the ledger has changed" in one.text for one in outcomes)


def test_a_label_that_cannot_be_written_is_said(scene: Scene) -> None:
    """One outcome an item: the others are labelled."""
    unlabel(scene, "9")
    scene.heap.unlabelled["vol-9"] = "UnauthorizedOperation"
    found = fates(finish(scene.managed, work(scene, OLD, Role.PREVIOUS)))
    assert (found["vol-9"], found["snap-9"]) == (OutcomeStatus.FAILED, OutcomeStatus.DONE)


def test_a_service_without_machines_to_talk_to(scene: Scene) -> None:
    """No gate: labels and databases are all there is to do."""
    unlabel(scene, "17")
    managed = replace(scene.managed, gate=None)
    finish(managed, work(scene, LIVE, Role.LIVE))
    assert not [one for one in scene.reach.machines.values() if one.commands]
    assert scene.heap.labels()["i-17"] == "live"


def test_a_stopped_machine_is_not_labelled_as_told(tmp_path: Path) -> None:
    """Started again, it would run the jobs that it was told to run when it was live."""
    scene = Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])
    scene.heap.change("i-9", state="stopped", tags={"deploy-state": "live"})
    result = scene.sweep()
    assert scene.heap.labels()["i-9"] == "live"
    assert not result.clean
    (told,) = [one for one in result.outcomes if one.resource.id == "i-9"]
    assert told.status is OutcomeStatus.BLOCKED
    assert "stopped" in told.text


def test_evidence_that_answers_nobody_is_in_nobodys_way(tmp_path: Path) -> None:
    """A machine that cannot be reached is why it is kept; the next release need not wait for it."""
    kept = replace(CLEAN, kept=(Kept(DEAD, NOW + timedelta(hours=1)),))
    scene = Scene(tmp_path, ALL, kept)
    scene.reach.down["i-41"] = CannotConnect("no route to 10.0.1.41", kind="no-route")
    scene.sweep()
    assert scene.heap.labels()["i-41"] == "failed"
    assert scene.plan().empty


def test_a_live_machine_out_of_reach_stays_unfinished(tmp_path: Path) -> None:
    """Rule 7: the label is written last, so the next sweep tries again."""
    scene = Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])
    scene.heap.change("i-17", tags={"deploy-state": "pending"})
    scene.reach.down["i-17"] = CannotConnect("no route to 10.0.1.17", kind="no-route")
    assert not scene.sweep().clean
    assert scene.heap.labels()["i-17"] == "pending"
    del scene.reach.down["i-17"]
    assert scene.sweep().clean
    assert scene.heap.labels()["i-17"] == "live"
    assert scene.ledger.live is not None
    assert scene.ledger.live.id == LIVE


def test_the_live_database_is_not_opened_beside_one_that_cannot_be_shut(tmp_path: Path) -> None:
    """Two that take writes at once would lose some of them; one that takes none is told about."""
    scene = Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])
    live, left = LIVE.database_name(LEDGER), OLD.database_name(LEDGER)
    scene.server.shut(live, FencedAct(3, LIVE, LEDGER), (ROLE,), 1.0)
    scene.server.thaw(left, FencedAct(3, OLD, LEDGER))
    scene.server.failing["shut"] = DatabaseError("writers still open after 30 s")
    assert not scene.sweep().clean
    assert scene.server.is_shut(live)
    del scene.server.failing["shut"]
    assert scene.sweep().clean
    assert scene.server.is_shut(left)
    assert not scene.server.is_shut(live)
