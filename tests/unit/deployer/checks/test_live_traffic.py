"""Live machines of an Auto Scaling group, and a record that names an Elastic IP."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.checks.live_traffic import GROUP_TAG
from deployer.commands.adopt import adopt
from deployer.release.context import ReleaseInputs, ReleaseOptions
from deployer.release.preview import preview
from deployer.release.steps.guard import guard
from reconciler.errors import Refused
from reconciler.model.ledger import Live
from tests.fakes.scene import Scene
from tests.support.shop_world import LIVE

FIXED = "198.51.100.7"
CHANGING = ("swap", "label", "delete", "create", "tag", "place")


def guarded(scene: Scene) -> None:
    """A release up to its guard."""
    guard(ReleaseInputs(scene.ports(), ReleaseOptions(), lambda _: None))


def in_the_open(scene: Scene) -> None:
    """The record names a public address of the live machine."""
    scene.heap.change("i-17", addresses=("10.0.1.17", FIXED), public=(FIXED,))
    scene.ledger = replace(scene.ledger, live=Live(LIVE, (FIXED,)))
    scene.reach.machine("i-17").host = FIXED


def test_a_member_of_an_auto_scaling_group_is_refused(scene: Scene) -> None:
    """The group would replace or terminate what a release does; the cure takes the machine out."""
    scene.heap.change("i-17", tags={GROUP_TAG: "web"})
    with pytest.raises(Refused, match="i-17 is a member of the Auto Scaling group web") as refused:
        guarded(scene)
    assert "detach-instances --instance-ids i-17" in refused.value.cure
    assert "deployer up shop" in refused.value.cure
    assert scene.did(*CHANGING) == []
    assert preview(scene.ports()).refusal is not None


def test_an_elastic_ip_in_the_record_is_refused(scene: Scene) -> None:
    """A release would move the record away from it, and lists of partners would break."""
    in_the_open(scene)
    scene.compute.elastic.add(FIXED)
    with pytest.raises(Refused, match=f"names {FIXED}, an Elastic IP") as refused:
        guarded(scene)
    assert 'kind = "elastic-ip"' in refused.value.cure
    assert "deployer move shop" in refused.value.cure
    assert "deployer recover shop" in refused.value.cure
    assert scene.did(*CHANGING) == []


def test_a_record_in_another_zone_is_named(scene: Scene) -> None:
    """Missing here and there in the parent zone: nothing is made where no client may ask."""
    scene.ledgers.in_other_zones["shop.example.com"] = {"example.com (Z0, public)": ("A",)}
    notes = preview(scene.ports()).notes
    assert any("example.com (Z0, public): A has it as well" in note for note in notes)
    scene.ledgers.zone.texts.clear()
    scene.ledgers.point(scene.address)
    scene.heap.held.clear()
    scene.server.held.clear()
    with pytest.raises(Refused, match=r"has no A record in example.com \(Z1\)") as refused:
        guarded(scene)
    assert "zone = the id of that zone" in refused.value.cure
    with pytest.raises(Refused, match=r"but example.com \(Z0, public\): A has one"):
        adopt(scene.ports(), lambda _: True)


def test_an_address_that_amazon_assigned_is_not(scene: Scene) -> None:
    """Nobody can rely on an address that changes at each stop and start."""
    in_the_open(scene)
    guarded(scene)


def test_an_elastic_ip_beside_the_record_is_not(scene: Scene) -> None:
    """The record names the private address: whoever uses the other one is no client of ours."""
    scene.heap.change("i-17", addresses=("10.0.1.17", FIXED), public=(FIXED,))
    scene.compute.elastic.add(FIXED)
    guarded(scene)
