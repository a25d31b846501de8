"""A rollback away from a machine that hangs: it serves at once, and its jobs wait (rule 18)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.commands.rollback.command import rollback
from reconciler.errors import CannotConnect, FollowUpFailed
from reconciler.model.fencing import FencedAct
from tests.fakes.scene import Scene
from tests.support.shop_world import LEDGER, LIVE

JOB = "shop-worker.service"


@pytest.fixture(autouse=True)
def hanging(scene: Scene) -> None:
    """The live machine is out of reach, and EC2 says that it runs."""
    scene.server.record_baseline(LIVE.database_name(LEDGER), FencedAct(3, LIVE, LEDGER))
    scene.reach.down["i-17"] = CannotConnect("no route to 10.0.1.17", kind="no-route")


def test_the_jobs_wait_and_the_error_says_for_whom(scene: Scene) -> None:
    """Exit 5: traffic is back, no job has begun, with the word that begins them."""
    with pytest.raises(FollowUpFailed) as unfinished:
        rollback(scene.ports())
    assert scene.ledgers.pointed_at(scene.address) == ("10.0.1.9",)
    assert scene.reach.machine("i-9").active() == {"shop.service"}
    assert "--jobs-despite i-17" in unfinished.value.detail
    assert "no route to 10.0.1.17" in unfinished.value.detail


def test_with_an_operators_word_they_begin(scene: Scene) -> None:
    """`rollback --jobs-despite i-17`: somebody has seen that it runs none."""
    ports = scene.ports()
    managed = replace(ports.managed, jobs_despite=frozenset({"i-17"}))
    with pytest.raises(FollowUpFailed):  # the machine that hangs is not told yet
        rollback(replace(ports, managed=managed))
    assert JOB in scene.reach.machine("i-9").active()
