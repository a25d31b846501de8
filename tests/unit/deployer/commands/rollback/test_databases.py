"""Rollbacks that would have left the newer database open, or lost what it holds in silence."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer import events as e
from deployer.commands.rollback.command import rollback
from deployer.commands.rollback.context import RollbackContext
from deployer.commands.rollback.databases import prepare_thaw
from reconciler.database.state_comment import encode, parse
from reconciler.errors import CloudError, DatabaseError, DirtRemains, Refused, ToolError
from reconciler.model import ledger as ledgers
from reconciler.model.ledger import Ending
from tests.fakes.ledgers import Weather
from tests.fakes.scene import ROLE, Scene
from tests.support.lease_ledger import eventually
from tests.support.shop_world import ALL, DEAD, LEDGER, LIVE, NOW, OLD, deploy


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean, with a release to go back to."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


def test_databases_out_of_reach_are_no_absent_ones(scene: Scene) -> None:
    """Rule 6: gone back blindly, the live database would be shut and the other one open."""
    scene.reach.server_down = DatabaseError("no route to the database server")
    with pytest.raises(Refused, match="cannot be listed"):
        rollback(scene.ports(), discard_writes=True)
    assert scene.ledger.live is not None
    assert scene.ledger.live.id == LIVE
    assert not scene.did("swap")


def test_what_the_newer_holds_is_lost_also_where_the_older_is_not_known(scene: Scene) -> None:
    """The older database was renamed by people: the newer one's writes count all the same."""
    scene.server.held["kept_aside"] = scene.server.held.pop(OLD.database_name(LEDGER))
    scene.server.held["kept_aside"].comment = ""
    scene.server.write(LIVE.database_name(LEDGER), ROLE, "public.orders")
    with pytest.raises(Refused, match="does not have"):
        rollback(scene.ports())
    assert scene.ledger.live is not None
    assert scene.ledger.live.id == LIVE


def test_an_undone_rollback_opens_live_before_it_looks_at_anything(scene: Scene) -> None:
    """It has shut the live database: that opens first, as soon as the lease is ended."""

    def restart(event: e.Event) -> None:
        if isinstance(event, e.FreezeBegan):
            scene.server.failing["databases"] = DatabaseError("the server is restarting")
        if isinstance(event, e.CleanUpBegan):
            scene.server.failing.clear()

    with pytest.raises(DatabaseError, match="restarting"):
        rollback(scene.ports(), discard_writes=True, emit=restart)
    words = [one.split()[0] for one in scene.acts]
    shut = words.index("shut")
    ended = words.index("swap", shut)
    assert words[ended + 1] == "thaw"
    assert not scene.server.is_shut(LIVE.database_name(LEDGER))


def test_while_live_is_shut_the_lease_is_short(scene: Scene) -> None:
    """If this process dies, a sweep opens live within two minutes, not ten."""
    held: list[timedelta] = []

    def look(act: str) -> None:
        lease = scene.ledger.lease
        if act.startswith("shut") and lease is not None:
            held.append(lease.until - NOW)

    scene.acts.then = look
    rollback(scene.ports(), discard_writes=True)
    assert held[0] < timedelta(minutes=2)


def test_an_older_one_that_nothing_can_open_is_found_before_live_is_shut(scene: Scene) -> None:
    """Its memory has nothing to give back: after the commit nobody could write anywhere."""
    older = scene.server.held[OLD.database_name(LEDGER)]
    memory = parse(older.comment)
    older.comment = encode(replace(memory, acls=frozenset()))
    older.grants.clear()
    with pytest.raises(ToolError):
        rollback(scene.ports(), discard_writes=True)
    assert not scene.did("swap", "shut")


def test_target_and_live_remember_one_generation_whatever_is_renewed_between(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By that a thaw without a ledger knows the rollback, where its label is missing."""
    found: list[int] = []

    def renew(run: RollbackContext) -> None:
        run.lease.renew()
        prepare_thaw(run)

    def look(event: e.Event) -> None:
        if isinstance(event, e.FreezeBegan):
            held = (scene.server.held[one.database_name(LEDGER)] for one in (OLD, LIVE))
            found.extend(parse(one.comment).generation for one in held)

    monkeypatch.setattr("deployer.commands.rollback.databases.prepare_thaw", renew)
    rollback(scene.ports(), discard_writes=True, emit=look)
    assert found[0] == found[1]


def test_a_live_database_that_somebody_elses_lease_keeps_shut_is_said(scene: Scene) -> None:
    """Its lease was ended and taken by another before the freeze: the undo may not open it."""
    told: list[e.Event] = []

    def take(event: e.Event) -> None:
        told.append(event)
        if isinstance(event, e.FreezeBegan):
            ours = scene.ledger.lease
            assert ours is not None
            ended = ledgers.end(scene.ledger, Ending(ours, NOW, operator=True))
            scene.ledger = ledgers.acquire(ended, deploy(0, "bbbbb"), NOW + timedelta(minutes=9))

    with pytest.raises(DirtRemains) as failed:
        rollback(scene.ports(), discard_writes=True, emit=take)
    assert LIVE.database_name(LEDGER) in failed.value.detail
    assert "bbbbb" in failed.value.detail
    assert not any(isinstance(one, e.FreezeEnded) for one in told)
    assert scene.server.is_shut(LIVE.database_name(LEDGER))


def test_an_undo_does_not_wait_for_the_label_beside_the_commit(scene: Scene) -> None:
    """EC2 may be slow to answer: meanwhile nobody could write."""
    cleaning, waited = threading.Event(), list[bool]()

    def slow(act: str) -> None:
        if act.startswith("label pending"):
            waited.append(cleaning.wait(2.0))

    def look(event: e.Event) -> None:
        if isinstance(event, e.FreezeBegan):
            scene.ledgers.weather.append(Weather.REFUSED)
        if isinstance(event, e.CleanUpBegan):
            cleaning.set()

    scene.acts.then = slow
    with pytest.raises(CloudError, match="refused"):
        rollback(scene.ports(), discard_writes=True, emit=look)
    eventually(lambda: bool(waited))
    assert waited == [True]
