"""What an executor refuses, whatever the plan says: the last check before anything is changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reconciler.model.reading import Reading
from reconciler.plan.service_plan import ServicePlan
from reconciler.sweep.executor import Executor
from reconciler.sweep.result import Tally
from tests.fakes.scene import Scene
from tests.support.sweeps import CHANGING, DEAD_IDS


def executed(scene: Scene, service_plan: ServicePlan, reading: Reading | None) -> Tally:
    """What was done."""
    tally = Tally()
    Executor(scene.managed, reading, tally, scene.told.append).run(service_plan)
    return tally


def test_rule_6_nothing_is_done_for_a_service_that_is_unknown(tmp_path: Path) -> None:
    """A plan with a problem has no acts; had it any, none would be carried out."""
    scene = Scene(tmp_path)
    [service_plan] = scene.plan().services
    reading = scene.ledgers.read(scene.address)
    unknown = replace(service_plan, problem="its ledger could not be read")
    assert unknown.deletes
    for found, read in ((unknown, reading), (service_plan, None)):
        assert executed(scene, found, read).outcomes == {}
        assert scene.did(*CHANGING) == []
    executed(scene, service_plan, reading)
    assert not scene.heap.ids & DEAD_IDS
