"""Finishing a deploy: what has not been told is not labelled as if it had been."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from reconciler.errors import CannotConnect, DatabaseError
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Kept
from reconciler.model.outcome import OutcomeStatus
from tests.fakes.scene import ROLE, Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, LEDGER, LIVE, NOW, OLD


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
