"""Recover and abort: what they write is true, and what they did not do they do not claim."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.commands.abort import abort
from deployer.commands.recover.command import recover
from reconciler.errors import Refused
from reconciler.model import ledger as ledgers
from reconciler.model.ledger import Cutover, Kept, Lease, Live, Previous
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, LIVE, NOW, OLD


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


def test_an_image_whose_machine_is_gone_does_not_keep_a_service_unknown(scene: Scene) -> None:
    """People ended an old machine by hand, then the ledger was lost: recover has to cure that."""
    for kind, id_ in list(scene.heap.held):
        if id_ in ("i-9", "vol-9", "eni-9"):
            del scene.heap.held[(kind, id_)]
    scene.ledger = replace(CLEAN, gen=2, previous=())
    assert scene.plan().unknown
    recover(scene.ports(), lambda _: True)
    assert [one.id for one in scene.ledger.previous] == [OLD]
    assert not scene.plan().unknown


def test_a_rejected_deploy_stays_rejected(scene: Scene) -> None:
    """Otherwise the next rollback, which takes the newest good one, goes back to it."""
    left = Previous(OLD, NOW - timedelta(hours=1), ("10.0.1.9",), rejected=True)
    evidence = Kept(DEAD, NOW + timedelta(hours=1))
    scene.ledger = replace(CLEAN, previous=(left,), kept=(evidence,))
    recover(scene.ports(), lambda _: True)
    assert scene.ledger.previous == (left,)
    assert scene.ledger.kept == (evidence,)


def test_a_public_service_goes_back_to_public_addresses(scene: Scene) -> None:
    """A record that holds public addresses never gets a private one."""
    for id_, private, second, public in (
        ("i-17", "10.0.1.17", "10.0.1.18", "203.0.113.17"),
        ("i-9", "10.0.1.9", "10.0.1.10", "203.0.113.9"),
    ):
        scene.heap.change(id_, addresses=(private, second, public), public=(public,))
    scene.ledgers.zone.texts.clear()
    scene.ledgers.point(scene.address, "203.0.113.17")
    recover(scene.ports(), lambda _: True)
    assert scene.ledger.live == Live(LIVE, ("203.0.113.17",))
    assert [one.at for one in scene.ledger.previous] == [("203.0.113.9",)]


def test_an_abort_that_came_too_late_does_not_say_that_it_aborted(scene: Scene) -> None:
    """Between the question and its answer the release went live."""
    lease = Lease(DEAD, NOW + timedelta(minutes=9), "smoke")
    held = replace(CLEAN, lease=lease)
    cut = Cutover(DEAD, ("10.0.1.41",), LIVE, NOW)
    scene.ledger = ledgers.commit(held, DEAD, cut)
    with pytest.raises(Refused, match="went live"):
        abort(scene.ports(), lease)
