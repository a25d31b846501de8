"""Live is shut for writes from before the dump to the commit, or nothing is committed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.release.clock import elapsed
from deployer.release.context import Freeze, NewMachine, ReleaseContext
from deployer.release.steps.commit import commit
from deployer.release.steps.database import database
from deployer.release.undo import undo
from deployer.release.up import Step, in_time
from reconciler.database.copying import CopySurvey
from reconciler.database.state_comment import Memory
from reconciler.errors import CommandTimedOut, ConfigError, DatabaseError, Refused, ToolError
from tests.fakes.scene import ROLE, Scene
from tests.support.guarded import leased
from tests.support.shop_world import ALL, DEAD, LEDGER, LIVE, NOW

LIVE_DB = LIVE.database_name(LEDGER)
CLONE = "i-101"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


def cloned(scene: Scene, login: str = ROLE) -> ReleaseContext:
    """A release whose machine has live's env file, by a copy of its disk."""
    run = leased(scene)
    machine = scene.reach.machine(CLONE)
    machine.write("/etc/shop/env", f"DATABASE_URL=postgresql://{login}:pw@db:5432/{LIVE_DB}\n")
    run.created.machines = (NewMachine(CLONE, "10.0.2.101", machine),)
    return run


def frozen(scene: Scene) -> ReleaseContext:
    """A release that has shut live, copied it, and is about to commit."""
    run = cloned(scene)
    managed = run.ports.managed
    scene.server.shut(LIVE_DB, managed.fenced_act(run.held.generation, LIVE, ()), (ROLE,), 1.0)
    run.database.name = run.deploy.database_name(LEDGER)
    run.database.source = LIVE_DB
    scene.server.create(run.database.name, ROLE, Memory(run.deploy, LEDGER, NOW))
    digest = scene.server.schema_digest(LIVE_DB)
    run.database.freeze = Freeze(LIVE_DB, elapsed(), 300.0, digest)
    return run


def test_a_commit_finds_live_shut(scene: Scene) -> None:
    """What it is given to write from now on is counted: a rollback would lose that."""
    run = frozen(scene)
    commit(run)
    assert scene.ledger.live is not None
    assert scene.ledger.live.id == run.deploy
    scene.server.open_like(run.database.name, LIVE_DB)
    assert not scene.server.changes_since_baseline(run.database.name).any


def opened(scene: Scene, _: ReleaseContext) -> None:
    """A person has given the application its privileges back."""
    scene.server.held[LIVE_DB].add_table("public.carts")


def altered(scene: Scene, _: ReleaseContext) -> None:
    """The owner has made a column, which no privilege prevents."""
    scene.server.held[LIVE_DB].version += 1


def outlasted(_: Scene, run: ReleaseContext) -> None:
    """Live has refused writes for as long as it may."""
    assert run.database.freeze is not None
    run.database.freeze.limit = 0.0


@pytest.mark.parametrize(
    ("befalls", "why"),
    [
        (opened, "takes writes again"),
        (altered, "was changed while it was shut"),
        (outlasted, "had refused writes for max_freeze"),
    ],
)
def test_nothing_is_committed_over_writes_that_the_copy_lacks(
    scene: Scene, befalls: object, why: str
) -> None:
    """The freeze is verified right before the commit; live stays who it was."""
    run = frozen(scene)
    assert callable(befalls)
    befalls(scene, run)
    with pytest.raises(ToolError, match=why):
        commit(run)
    assert scene.ledger.live is not None
    assert scene.ledger.live.id == LIVE


def test_no_row_is_copied_before_live_is_seen_to_be_shut(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own look, not because the act was sent; the undo knows what it has to open."""
    run = cloned(scene)
    monkeypatch.setattr(scene.server, "is_shut", lambda _: False)
    with pytest.raises(DatabaseError, match="still takes writes although it was shut"):
        database(run)
    assert scene.did("schema of") == [f"schema of database {LIVE_DB} on {CLONE}"]
    assert not scene.did("copy of")
    assert run.database.source == LIVE_DB


def _no_longer_fits(scene: Scene, _: ReleaseContext) -> None:
    """A role has lost its right to read a table since the guard has looked."""
    scene.server.survey = CopySurvey(unreadable=frozenset({"public.orders"}))


def _old_tools(scene: Scene, _: ReleaseContext) -> None:
    """The clone's tools are not those of the server."""
    scene.server.survey = CopySurvey(major=1)


def _no_schema(scene: Scene, _: ReleaseContext) -> None:
    """pg_restore cannot do it."""
    scene.reach.machine(CLONE).write("/bin/pg_restore", _FAILS, 0o755)


def _no_trial(scene: Scene, _: ReleaseContext) -> None:
    """Nor psql what comes after the rows."""
    scene.reach.machine(CLONE).write("/bin/psql", _FAILS, 0o755)


_FAILS = """#!/bin/sh
[ "$1" = --version ] && exec echo "tool (PostgreSQL) 18.1"
cat >/dev/null; echo 'psql: ERROR:  no' >&2; exit 3
"""


@pytest.mark.parametrize(
    ("befalls", "why"),
    [
        (_no_longer_fits, "may not read public.orders"),
        (_old_tools, "has pg_dump 18 and pg_restore 18, the server is PostgreSQL 1"),
        (_no_schema, "cannot be copied, which was tried before it was shut: no"),
        (_no_trial, "cannot be copied, which was tried before it was shut: no"),
    ],
)
def test_what_can_be_known_before_the_freeze_freezes_nobody(
    scene: Scene, befalls: Callable[[Scene, ReleaseContext], None], why: str
) -> None:
    """Live was never shut, so there is nothing to thaw either."""
    run = cloned(scene)
    befalls(scene, run)
    with pytest.raises(ToolError, match=why):
        database(run)
    assert not scene.did("shut")
    assert run.database.source == ""


def test_live_s_database_is_known_before_another_exists(scene: Scene) -> None:
    """Of an adopted service none is known, and then a sweep deletes none: not this one either."""
    run = cloned(scene)
    scene.server.held[LIVE_DB].comment = ""
    scene.server.rename(LIVE_DB, "shop")
    scene.reach.machine(CLONE).write(
        "/etc/shop/env", f"DATABASE_URL=postgresql://{ROLE}:pw@db/shop\n"
    )
    scene.server.failing["lend"] = DatabaseError("far enough")
    with pytest.raises(DatabaseError, match="far enough"):
        database(run)
    assert run.database.name in scene.databases
    known = {one.name: one.memory for one in scene.server.databases()}
    assert known["shop"] is not None
    assert known["shop"].deploy == LIVE
    undo(run, "so be it")
    assert run.database.name not in scene.databases


def test_a_schema_that_changed_before_the_freeze_is_not_copied(scene: Scene) -> None:
    """The tables were made from what it was: refused while live is shut, before any row."""
    run = cloned(scene)

    def migrated(act: str) -> None:
        scene.server.altered += act.startswith("shut")

    scene.acts.then = migrated
    with pytest.raises(Refused, match="was changed while the copy was prepared"):
        database(run)
    assert not scene.did("copy of")
    assert run.database.source == LIVE_DB


def test_an_interrupted_freeze_is_known_to_the_undo(scene: Scene) -> None:
    """The server's answer may be lost after it has shut live."""
    run = cloned(scene)
    scene.server.failing["shut"] = DatabaseError("no answer")
    with pytest.raises(DatabaseError, match="no answer"):
        database(run)
    assert run.database.source == LIVE_DB


def test_while_live_is_shut_the_lease_is_short(scene: Scene) -> None:
    """If this process dies, a sweep opens live within two minutes, not ten."""
    run = cloned(scene)
    scene.server.failing["shut"] = DatabaseError("no answer")
    with pytest.raises(DatabaseError):
        database(run)
    assert scene.ledger.lease is not None
    assert scene.ledger.lease.until - NOW < timedelta(minutes=2)


def test_the_clones_login_is_compared_before_live_is_shut(scene: Scene) -> None:
    """The guard may not have been able to ask live."""
    run = cloned(scene, "reporting")
    with pytest.raises(ConfigError, match="logs in as reporting"):
        database(run)
    assert not scene.did("shut")


def test_a_command_that_the_end_of_the_freeze_cuts_short_names_max_freeze(scene: Scene) -> None:
    """Not the command's own limit, which may be an hour: what was too small is the freeze's."""
    run = frozen(scene)

    def slow(release: ReleaseContext) -> str:
        assert release.database.freeze is not None
        release.database.freeze.limit = 0.0
        raise CommandTimedOut("the copy of shop was given up after 0.7s", detail="pg_dump: …")

    with pytest.raises(ToolError, match="max_freeze = 0s") as caught:
        in_time(Step("database", slow), run)
    assert "given up after 0.7s" in caught.value.detail
    assert "services/shop.toml" in caught.value.cure


def test_a_command_that_ends_at_its_own_limit_keeps_its_words(scene: Scene) -> None:
    """The freeze still has time: then it is the command that was too slow."""
    run = frozen(scene)

    def slow(_: ReleaseContext) -> str:
        raise CommandTimedOut("install was given up after 1h 00m")

    with pytest.raises(CommandTimedOut, match="install"):
        in_time(Step("code", slow), run)
