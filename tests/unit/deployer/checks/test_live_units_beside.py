"""`jobs_on = "first"`: the gate keeps the jobs of the other live machines shut, as it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deployer.checks.live_units import check_live
from deployer.checks.service_state import survey
from tests.fakes.scene import CONFIGURED, Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, GATE


def test_jobs_that_rest_beside_the_first_refuse_no_release(tmp_path: Path) -> None:
    """They are masked there because a sweep said so."""
    scene = Scene(tmp_path, [each for each in ALL if each.deploy != DEAD])
    scene.managed = replace(scene.managed, gate=replace(GATE, first_only=True))
    assert CLEAN.live is not None
    first = next(each for each in ALL if each.id == "i-17")
    scene.heap.add([replace(first, id="i-18", addresses=("10.0.1.18",))])
    scene.reach.machine("i-18", "10.0.1.18")
    at = ("10.0.1.17", "10.0.1.18")
    scene.ledger = replace(CLEAN, live=replace(CLEAN.live, at=at))
    scene.ledgers.point(scene.address, *at)
    assert scene.sweep().clean
    ports = scene.ports(app={**CONFIGURED["app"], "jobs_on": "first"})
    check_live(ports, survey(ports).service_plan)
