"""Sleeping laptops, labels that lag, records that are slow to be believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.commands.thaw import thaw
from deployer.release.context import ReleaseInputs, ReleaseOptions
from deployer.release.lease_holder import LeaseHolder
from deployer.release.lease_terms import LeaseLost, LeaseTerms
from deployer.release.steps.guard import guard
from deployer.release.steps.launch import launch
from reconciler.errors import CloudError, Refused
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Previous
from reconciler.model.reading import ARecord
from reconciler.model.tags import Label
from tests.fakes.scene import ROLE, Scene
from tests.support.guarded import leased
from tests.support.shop_world import ALL, CLEAN, DEAD, LEDGER, LIVE, NOW, OLD, deploy, resources

TERMS = LeaseTerms(timedelta(minutes=10), timedelta(minutes=3), timedelta(hours=2))
ME = deploy(0, "aaaaa")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


def test_a_deploy_that_slept_for_a_day_makes_nothing_more(scene: Scene) -> None:
    """Our clock stood still, AWS's did not: what is made now would not be known as ours."""
    lease = LeaseHolder(scene.ledgers, scene.ledgers.read(scene.address), ME, TERMS)
    lease.acquire()
    lease.rest()
    scene.ledgers.now = NOW + timedelta(hours=25)
    with pytest.raises(LeaseLost, match="longer than its limit"):
        lease.renew("image")


def test_labels_alone_do_not_open_a_database_beside_a_newer_one(scene: Scene) -> None:
    """A release went live and died before its labels: who is labelled live is previous."""
    newer = deploy(5, "bbbbb")
    name = scene.add_database(newer)
    scene.server.record_baseline(name, FencedAct(3, newer, LEDGER))
    old = LIVE.database_name(LEDGER)
    scene.server.shut(old, FencedAct(3, LIVE, LEDGER), (ROLE,), 1.0)
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")
    with pytest.raises(Refused, match="had come to its commit"):
        thaw(scene.ports(), deployer_is_dead=True)
    assert scene.server.is_shut(old)
    del scene.server.held[name]
    assert thaw(scene.ports(), deployer_is_dead=True) == old


def test_sweep_first_forgets_nobody_whose_address_is_still_believed(tmp_path: Path) -> None:
    """Retention waits for the record's own time to live, not for a guess at it."""
    third = deploy(60 * 24 * 20, "eeeee")
    just_now = NOW - timedelta(minutes=5)
    previous = (
        replace(CLEAN.previous[0], retired=just_now),
        Previous(deploy(60 * 24 * 15, "ddddd"), just_now, ("10.0.1.4",)),
        Previous(third, just_now, ("10.0.1.3",)),
    )
    everything = [*ALL, *resources(third, "v1", Label.RETIRED, 3)]
    scene = Scene(tmp_path, everything, replace(CLEAN, previous=previous))
    scene.server.shut(third.database_name(LEDGER), FencedAct(2, third, LEDGER), (ROLE,), 1.0)
    scene.ledgers.zone.records[scene.address.record] = ARecord(86400, ("10.0.1.17",))
    run = ReleaseInputs(scene.ports(), ReleaseOptions(sweep_first=True), lambda _: None)
    guard(run)
    assert scene.ledger.find_previous(third) is not None
    assert scene.ledger.find_previous(OLD) is not None
    assert "i-41" not in scene.heap.ids


def test_a_public_service_does_not_go_on_with_a_private_address(scene: Scene) -> None:
    """Its machines run, but have no public address: the record would lead nowhere."""
    ledger = replace(CLEAN, live=replace(CLEAN.live, at=("203.0.113.17",)))  # type: ignore[type-var]
    scene.heap.change("i-17", addresses=("10.0.1.17", "203.0.113.17"))
    scene.ledger = ledger
    run = leased(scene, limits={"boot": "1s"}, instance={"address": "public"})
    (run.created.source,) = scene.compute.find_instances_at(("203.0.113.17",))
    run.created.image = "ami-17"
    with pytest.raises(CloudError, match="no public address"):
        launch(run)
