"""The guard's look at the other names: what a switch would leave behind is refused (rule 13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from deployer import events as e
from deployer.commands.rollback.command import rollback
from deployer.ports import Ports
from deployer.release.context import ReleaseInputs, ReleaseOptions
from deployer.release.lease_holder import LeaseHolder
from deployer.release.lease_terms import LeaseTerms
from deployer.release.preview import preview
from deployer.release.steps.guard import guard
from reconciler.errors import AccessDenied, CloudError, Refused, ToolError
from reconciler.model.ledger import LedgerHome
from tests.fakes.scene import Scene
from tests.support.shop_world import CLEAN, LIVE, PLACE, deploy

WWW = "www.example.com"
OTHER = "old.example.com"
MINE = deploy(0, "bbbbb")


def name(scene: Scene, which: str, *addresses: str) -> None:
    """Somebody writes another A record into the zone."""
    scene.ledgers.point(replace(scene.address, record=which), *addresses)


def along(scene: Scene, *names: str) -> Ports:
    """The ports of a service whose configuration has these names in `also`."""
    scene.managed = replace(scene.managed, address=replace(scene.address, also=names))
    return scene.ports(also=list(names))


def test_a_second_name_on_live_is_refused(scene: Scene) -> None:
    """Its clients would be left on a machine that takes no writes; three ways out are told."""
    name(scene, WWW, "10.0.1.17")
    with pytest.raises(Refused) as refused:
        guard(ReleaseInputs(scene.ports(), ReleaseOptions(), lambda _: None))
    assert WWW in str(refused.value)
    assert str(LIVE) in str(refused.value)
    assert f'also = ["{WWW}"]' in refused.value.cure
    assert f"deployer up shop --despite {WWW}" in refused.value.cure
    assert scene.did("swap", "create", "label") == []


def test_the_plan_says_so_too(scene: Scene) -> None:
    """`deployer plan` refuses what `up` would refuse."""
    name(scene, WWW, "10.0.1.17")
    refusal = preview(scene.ports()).refusal
    assert refusal is not None
    assert WWW in str(refusal)


def test_a_public_address_of_a_live_machine_counts(scene: Scene) -> None:
    """The record holds the private one, the other name the public one."""
    scene.heap.change("i-17", addresses=("10.0.1.17", "203.0.113.9"), public=("203.0.113.9",))
    name(scene, WWW, "203.0.113.9")
    with pytest.raises(Refused, match=WWW):
        guard(ReleaseInputs(scene.ports(), ReleaseOptions(), lambda _: None))


@pytest.mark.parametrize("at", ["10.0.1.9", "203.0.113.5"], ids=["previous", "a stranger"])
def test_names_that_lead_elsewhere_are_no_hindrance(scene: Scene, at: str) -> None:
    """Only live is switched away from."""
    name(scene, WWW, at)
    assert guard(ReleaseInputs(scene.ports(), ReleaseOptions(), lambda _: None)).text == "clean"


def test_a_stale_name_is_vouched_for(scene: Scene) -> None:
    """`--despite NAME`: a record of somebody's whose address our machine got."""
    name(scene, OTHER, "10.0.1.17")
    one = ReleaseInputs(scene.ports(), ReleaseOptions(despite=frozenset({OTHER})), lambda _: None)
    assert guard(one).text == "clean"


def test_a_name_that_moves_along_is_no_hindrance(scene: Scene) -> None:
    """`also`: it says what the record says, and changes with it."""
    name(scene, WWW, "10.0.1.17")
    assert guard(ReleaseInputs(along(scene, WWW), ReleaseOptions(), lambda _: None)).text == "clean"


@pytest.mark.parametrize("at", [(), ("10.0.1.9",), ("10.0.1.17", "10.0.1.18")])
def test_a_name_that_cannot_move_along_is_refused(scene: Scene, at: tuple[str, ...]) -> None:
    """It is nowhere, or elsewhere: who is to be moved is for people to say."""
    name(scene, WWW, *at)
    with pytest.raises(Refused) as refused:
        guard(ReleaseInputs(along(scene, WWW), ReleaseOptions(), lambda _: None))
    assert f"{WWW} is in `also`" in str(refused.value)
    assert f"Point {WWW} to 10.0.1.17" in refused.value.cure


def test_a_name_that_is_another_service_s_record_is_refused(scene: Scene) -> None:
    """It says what the record says, and yet the releases of `site` move it: rule 12."""
    name(scene, WWW, "10.0.1.17")
    home = LedgerHome(WWW, PLACE.account, PLACE.region)
    scene.ledgers.put(scene.ledgers.locate("site", WWW), replace(CLEAN, home=home))
    with pytest.raises(Refused) as refused:
        guard(ReleaseInputs(along(scene, WWW), ReleaseOptions(), lambda _: None))
    assert f"{WWW} is the record of the ledger site._deploy.example.com" in str(refused.value)
    assert "take it out of `also`" in refused.value.cure
    assert scene.did("swap", "create", "label") == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CloudError("route53: no answer"), Refused),
        (AccessDenied("route53:ListResourceRecordSets is denied"), AccessDenied),
    ],
)
def test_unread_is_not_empty(scene: Scene, error: ToolError, kind: type[ToolError]) -> None:
    """A name may lead to live that we cannot see."""
    scene.ledgers.unlisted = error
    with pytest.raises(kind) as refused:
        guard(ReleaseInputs(scene.ports(), ReleaseOptions(), lambda _: None))
    assert error.message in str(refused.value)
    assert "deployer up shop" in refused.value.cure


def test_a_name_that_was_moved_meanwhile_stops_the_commit(scene: Scene) -> None:
    """People win: the release is given up, record, name and ledger stay as they are."""
    name(scene, WWW, "10.0.1.17")
    address = along(scene, WWW).managed.address
    terms = LeaseTerms(timedelta(minutes=10), timedelta(minutes=3), timedelta(hours=2))
    lease = LeaseHolder(scene.ledgers, scene.ledgers.read(address), MINE, terms)
    lease.acquire()
    name(scene, WWW, "203.0.113.5")
    with pytest.raises(ToolError, match=f"moved the A record {WWW} to 203.0.113.5"):
        lease.commit(MINE, ("10.0.1.50",), LIVE)
    assert scene.ledgers.pointed_at(scene.address) == ("10.0.1.17",)
    assert scene.ledger.live == CLEAN.live


def rolled(ports: Ports) -> list[str]:
    """What a rollback warns of."""
    heard: list[e.Event] = []
    rollback(ports, discard_writes=True, emit=heard.append)
    return [one.text for one in heard if isinstance(one, e.Warned)]


def test_a_rollback_only_reports(scene: Scene) -> None:
    """At three in the morning nobody waits for a name: it is told after the switch."""
    name(scene, WWW, "10.0.1.17")
    assert any(WWW in one for one in rolled(scene.ports()))
    assert scene.ledgers.pointed_at(scene.address) == ("10.0.1.9",)


def test_a_rollback_takes_the_names_along_that_stand_with_the_record(scene: Scene) -> None:
    """What people pointed elsewhere stays there."""
    name(scene, WWW, "10.0.1.17")
    name(scene, OTHER, "203.0.113.5")
    rolled(along(scene, WWW, OTHER))
    says = {one: record.addresses for one, record in scene.ledgers.zone.records.items()}
    assert says == {
        "shop.example.com": ("10.0.1.9",),
        WWW: ("10.0.1.9",),
        OTHER: ("203.0.113.5",),
    }


def test_a_rollback_does_not_wait_for_the_listing(scene: Scene) -> None:
    """It is told that nobody knows."""
    scene.ledgers.unlisted = CloudError("route53: no answer")
    assert any("not known: route53: no answer" in one for one in rolled(scene.ports()))
    assert scene.ledgers.pointed_at(scene.address) == ("10.0.1.9",)
