"""The follow-up is a sweep: of everything but what the user accepted, and it says what failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from deployer.release.context import ReleaseContext, ReleaseOptions
from deployer.release.steps.follow_up import follow_up
from reconciler.errors import CannotConnect
from reconciler.model import ledger as ledgers
from reconciler.model.ledger import Previous
from tests.fakes.scene import Scene
from tests.support.guarded import leased
from tests.support.shop_world import ALL, CLEAN, DEAD, LIVE, NOW, OLD


def committed(scene: Scene, *despite: str, **configured: Any) -> ReleaseContext:
    """A release whose lease is over: live is whom the ledger names."""
    run = leased(scene, ReleaseOptions(despite=frozenset(despite)), **configured)
    assert run.held.end()
    return run


def test_what_the_user_accepted_stays(tmp_path: Path) -> None:
    """`--despite`: it cannot be deleted, or is somebody's evidence."""
    scene = Scene(tmp_path, ALL)
    follow_up(committed(scene, "i-41"))
    assert "i-41" in scene.heap.ids
    follow_up(committed(scene))
    assert "i-41" not in scene.heap.ids


def test_clients_that_still_use_the_old_address_are_waited_for(tmp_path: Path) -> None:
    """What falls out of `keep` is not forgotten before the record's TTL, and a minute, are over."""
    scene = Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])
    just = NOW - timedelta(seconds=90)
    newer = Previous(LIVE, just, ("10.0.1.17",))
    scene.ledger = replace(
        CLEAN, previous=(replace(newer, id=DEAD), Previous(OLD, just, ("10.0.1.9",)))
    )
    run = committed(scene, keep=1)
    assert run.start.reading.drain_ttl == 60
    follow_up(run)
    assert scene.ledger.find_previous(OLD) is not None


def test_what_did_not_follow_is_said(tmp_path: Path) -> None:
    """The release is live, and its exit code is another one."""
    scene = Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])
    scene.heap.change("i-9", tags={"deploy-state": "pending"})
    scene.reach.down["i-9"] = CannotConnect("no answer", kind="no-route")
    run = committed(scene)
    assert follow_up(run) == "unfinished"
    assert any("i-9" in line for line in run.unfinished)


def test_what_waits_for_somebody_elses_lease_is_said(tmp_path: Path) -> None:
    """Taken right after the commit: the follow-up may touch no job and no database."""
    scene = Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])
    run = committed(scene)
    scene.ledger = ledgers.acquire(scene.ledger, DEAD, NOW + timedelta(minutes=9))
    assert follow_up(run) == "unfinished"
    assert any(str(DEAD) in line for line in run.unfinished)
