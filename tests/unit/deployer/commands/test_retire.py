"""Retire: the one way to have nobody live, on a person's word (rule 14)."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.commands.recover.command import recover
from deployer.commands.retire import Retirement, retire
from reconciler.errors import CloudError, DirtRemains, Refused, ToolError
from reconciler.model.ledger import Kept, Lease
from reconciler.model.reading import ARecord
from reconciler.model.tags import Label
from reconciler.util.signals import Interrupted
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, LEDGER, LIVE, NOW, OLD

LIVE_DB = LIVE.database_name(LEDGER)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, its A record removed by people who mean it."""
    one = Scene(tmp_path, [each for each in ALL if each.deploy != DEAD])
    one.ledgers.point(one.address)
    return one


def yes(_: Retirement) -> bool:
    """A person who has looked."""
    return True


def test_everything_is_kept_and_stands_still(scene: Scene) -> None:
    """Nobody is live, no job runs, no database takes writes; nothing is deleted, ever."""
    resources = set(scene.heap.ids)
    assert retire(scene.ports(), str(LIVE), yes).clean
    assert scene.ledger.live is None
    assert [one.id for one in scene.ledger.previous][:2] == [LIVE, OLD]
    assert scene.heap.at("i-17").label is Label.RETIRED
    assert scene.server.is_shut(LIVE_DB)
    assert scene.sweep().clean
    assert set(scene.heap.ids) == resources


def test_a_signal_after_the_swap_leaves_it_closed(scene: Scene) -> None:
    """The ledger says so already: exit 4 and the sweep that finishes it, not "cleaned up"."""

    def stop(act: str) -> None:
        if act.startswith("shut"):
            raise Interrupted(signal.SIGTERM)

    scene.acts.then = stop
    with pytest.raises(DirtRemains, match="nobody of shop is live, but") as failed:
        retire(scene.ports(), str(LIVE), yes)
    assert failed.value.cure == "To finish it         reconciler sweep --service shop"
    scene.acts.then = lambda _: None
    assert scene.sweep().clean
    assert scene.server.is_shut(LIVE_DB)


def test_a_closed_service_is_opened_again(scene: Scene) -> None:
    """The record made again, `recover` says who is live: the way back."""
    retire(scene.ports(), str(LIVE), yes)
    scene.ledgers.point(scene.address, "10.0.1.17")
    recover(scene.ports(), lambda _: True)
    assert scene.ledger.live
    assert scene.ledger.live.id == LIVE
    assert scene.sweep().clean
    assert not scene.server.is_shut(LIVE_DB)
    assert scene.heap.at("i-17").label is Label.LIVE


def test_it_is_deleted_when_its_time_has_come(scene: Scene) -> None:
    """`--delete-after`: everything that served is kept until then, and garbage afterwards."""
    retire(scene.ports(), str(LIVE), yes, timedelta(days=30))
    until = (NOW + timedelta(days=30)).replace(microsecond=0)
    assert Kept(LIVE, until) in scene.ledger.kept
    assert scene.sweep().clean
    assert "i-17" in scene.heap.ids
    scene.ledgers.now = until + timedelta(minutes=5)
    assert scene.sweep().clean
    assert "i-17" not in scene.heap.ids
    assert LIVE_DB not in scene.databases


def test_the_record_must_be_gone(scene: Scene) -> None:
    """While it names a machine clients come to it."""
    scene.ledgers.point(scene.address, "10.0.1.17")
    with pytest.raises(Refused, match="still says") as refused:
        retire(scene.ports(), str(LIVE), yes)
    assert "remove the A record" in refused.value.cure
    assert scene.ledger.live == CLEAN.live


def test_who_is_live_must_be_named(scene: Scene) -> None:
    """Another id, or nobody live: nothing is closed."""
    with pytest.raises(Refused, match=f"{LIVE} is live, not {OLD}") as refused:
        retire(scene.ports(), str(OLD), yes)
    assert str(LIVE) in refused.value.cure
    scene.ledger = replace(CLEAN, lease=Lease(DEAD, NOW + timedelta(minutes=1), "copy"))
    scene.ledgers.point(scene.address)
    with pytest.raises(Refused, match="is being changed"):
        retire(scene.ports(), str(LIVE), yes)
    scene.ledger = CLEAN
    scene.ledgers.point(scene.address)
    retire(scene.ports(), str(LIVE), yes)
    with pytest.raises(Refused, match="nobody of shop is live"):
        retire(scene.ports(), str(LIVE), yes)


def test_a_no_closes_nothing(scene: Scene) -> None:
    """What would become of it is shown first."""
    shown: list[Retirement] = []

    def no(wanted: Retirement) -> None:
        shown.append(wanted)
        raise Refused("a no")

    with pytest.raises(Refused, match="a no"):
        retire(scene.ports(), str(LIVE), no, timedelta(days=1))
    assert shown[0].until == (NOW + timedelta(days=1)).replace(microsecond=0)
    assert scene.ledger.live == CLEAN.live


def test_rule_13_no_other_name_may_lead_there(scene: Scene) -> None:
    """Clients come by it, whatever became of the record; nor may it be unknown whether they do."""
    scene.ledgers.zone.records["www.example.com"] = ARecord(60, ("10.0.1.17",))
    with pytest.raises(Refused, match=r"www\.example\.com leads to machines"):
        retire(scene.ports(), str(LIVE), yes)
    scene.ledgers.unlisted = CloudError("route53: no answer")
    with pytest.raises(ToolError, match="is not known"):
        retire(scene.ports(), str(LIVE), yes)
    assert scene.ledger.live == CLEAN.live
