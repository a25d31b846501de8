"""Releases that use live's database: decided, recorded, and never shut, dropped or counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deployer import events as e
from deployer.commands.rollback.command import rollback
from deployer.release.context import NewMachine, ReleaseContext
from deployer.release.steps.commit import commit
from deployer.release.steps.database import database
from deployer.release.steps.guard import dirt
from deployer.release.steps.migrate import migrate
from deployer.release.undo import undo
from reconciler.errors import CommandFailed, DatabaseError
from reconciler.gc.retention import Retention
from reconciler.model import tags as t
from reconciler.model.ledger import Live, Previous, Via
from reconciler.model.resource import DATABASE, INSTANCE
from reconciler.model.tags import Label
from reconciler.plan.service_plan import SweepRequest
from reconciler.ports.fleet import Fleet
from reconciler.sweep import absence
from reconciler.sweep.runner import make_plan
from tests.fakes.scene import CONFIGURED, ROLE, Scene
from tests.support.guarded import ME, leased
from tests.support.shop_world import ALL, CLEAN, DEAD, LEDGER, LIVE, NOW, OLD, deploy, resources

LIVE_DB, OLD_DB = (one.database_name(LEDGER) for one in (LIVE, OLD))
CLONE = "i-101"
NEVER = {"copy": "never", "writes": None, "migrate": ["./migrate"]}
PENDING = {"copy": "when-migrating", "pending": "./check", "migrate": ["./migrate"]}


@pytest.fixture(autouse=True)
def listings_do_not_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fakes list at once: ten seconds without a sight would only be waited for."""
    monkeypatch.setattr(absence, "AGREED", 0.05)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


def begun(
    scene: Scene, said: dict[str, Any], check: str = "exit 0", emit: e.Listener = e.ignore
) -> ReleaseContext:
    """A release whose one machine is a clone, with a migration and a `check` of it."""
    run = leased(scene, emit=emit, database={**CONFIGURED["database"], **said})
    scene.heap.add(one for one in resources(ME, "v2", Label.PENDING, 101) if one.kind == INSTANCE)
    machine = scene.reach.machine(CLONE)
    machine.write("/etc/shop/env", f"DATABASE_URL=postgresql://{ROLE}:pw@db:5432/{LIVE_DB}\n")
    machine.write("/srv/shop/check", f"#!/bin/sh\n{check}\n", 0o755)
    machine.write("/srv/shop/migrate", "#!/bin/sh\necho $DATABASE_URL > migrated\n", 0o755)
    run.created.machines = (NewMachine(CLONE, "10.0.2.101", machine),)
    scene.acts.clear()
    return run


def released(run: ReleaseContext) -> None:
    """From the database to the commit."""
    database(run)
    migrate(run)
    commit(run)


def test_a_shared_database_is_neither_shut_nor_copied(scene: Scene) -> None:
    """What live uses goes on as it is; the machines' tag says whose database it is."""
    run = begun(scene, NEVER)
    assert "shared with live" in database(run)
    assert scene.databases == {LIVE_DB, OLD_DB}
    assert not scene.did("shut", "create")
    assert (run.database.name, run.database.shared, run.database.source) == (LIVE_DB, LIVE, "")
    assert scene.heap.at(CLONE).tags[t.SHARES] == str(LIVE)


def test_the_migration_runs_on_it_and_the_commit_records_it(scene: Scene) -> None:
    """The ledger says whose database the new live deploy uses; its baseline stays."""
    run = begun(scene, NEVER)
    before = scene.server.held[LIVE_DB].comment
    released(run)
    assert LIVE_DB in scene.reach.machine(CLONE).path("/srv/shop/migrated").read_text()
    assert scene.ledger.live == Live(ME, ("10.0.2.101",), via=Via.PRIVATE, db=LIVE)
    assert scene.server.held[LIVE_DB].comment == before


def test_after_the_commit_both_may_write(scene: Scene) -> None:
    """A sweep finds nothing to shut: the old release's late clients write into live's database."""
    released(begun(scene, NEVER))
    scene.acts.clear()
    scene.sweep()
    assert not scene.did("shut", "drop")
    scene.server.write(LIVE_DB, ROLE, "public.orders")


def test_the_deploy_that_made_it_goes_and_it_stays(scene: Scene) -> None:
    """`keep` pushes that deploy out; its machines go, and live's database is open as before."""
    released(begun(scene, NEVER))
    ledger = scene.ledger
    gone = tuple(entry for entry in ledger.previous if entry.id != LIVE)
    old = Previous(LIVE, NOW - timedelta(days=300), count=1, via=Via.PRIVATE)
    scene.ledger = replace(ledger, previous=(*gone, old))
    result = scene.sweep(SweepRequest(Retention(keep=1), 60))
    assert LIVE in result.forgotten
    assert "i-17" in {one.resource.id for one in result.gone}
    assert LIVE_DB in scene.databases
    assert f"shut {LIVE_DB}" not in scene.did("shut")
    scene.server.write(LIVE_DB, ROLE, "public.orders")
    assert scene.plan().services[0].empty


def test_a_shut_database_is_opened_for_live_whoever_made_it(scene: Scene) -> None:
    """Under the name of the deploy that made it: the server refuses every other."""
    released(begun(scene, NEVER))
    act = scene.managed.fenced_act(scene.ledger.gen, LIVE, ())
    scene.server.shut(LIVE_DB, act, (ROLE,), 1.0)
    scene.sweep()
    assert not scene.server.is_shut(LIVE_DB)


def test_one_that_no_deploy_made_gets_its_memory(scene: Scene) -> None:
    """After an adoption nothing on the server says whose it is: a sweep could not tell."""
    scene.server.held[LIVE_DB].comment = "the shop's, ask dba"
    scene.server.rename(LIVE_DB, "shop")
    run = begun(scene, NEVER)
    env = f"DATABASE_URL=postgresql://{ROLE}:pw@db:5432/shop\n"
    scene.reach.machine(CLONE).write("/etc/shop/env", env)
    released(run)
    info = next(one for one in scene.server.databases() if one.name == "shop")
    assert info.memory is not None
    assert (info.memory.deploy, info.memory.note) == (LIVE, "the shop's, ask dba")


def test_anothers_database_is_not_shared(scene: Scene) -> None:
    """The ledger would say that live uses its own, and a sweep would decide by that."""
    run = begun(scene, NEVER)
    env = f"DATABASE_URL=postgresql://{ROLE}:pw@db:5432/{OLD_DB}\n"
    scene.reach.machine(CLONE).write("/etc/shop/env", env)
    with pytest.raises(DatabaseError, match=f"is the database of {OLD}, not of {LIVE}"):
        database(run)


def test_nothing_pending_is_shared_and_not_migrated(scene: Scene) -> None:
    """Whatever the migration would do after all, it would do to live's rows."""
    run = begun(scene, PENDING)
    assert "shared with live" in database(run)
    assert "not run" in migrate(run)
    assert not scene.reach.machine(CLONE).path("/srv/shop/migrated").exists()


@pytest.mark.parametrize("check", ["exit 1", "echo 2 to apply; exit 3"])
def test_something_pending_is_copied(scene: Scene, check: str) -> None:
    """As with `always`: live is shut before anything is copied."""
    run = begun(scene, PENDING, check)
    scene.server.failing["open_like"] = DatabaseError("far enough")
    with pytest.raises(DatabaseError, match="far enough"):
        database(run)
    assert scene.server.is_shut(LIVE_DB)
    assert run.database.shared is None


@pytest.mark.parametrize("check", ["exit 127", "kill -9 $$"])
def test_a_check_that_could_not_run_says_neither(scene: Scene, check: str) -> None:
    """A typing error must not copy a database that is too large to copy."""
    with pytest.raises(CommandFailed):
        database(begun(scene, PENDING, check))
    assert not scene.did("shut")


def test_a_failure_after_the_migration_says_what_stays(scene: Scene) -> None:
    """Nothing undoes a migration; the database itself is neither shut nor dropped."""
    said: list[str] = []

    def told(event: e.Event) -> None:
        if isinstance(event, e.Warned):
            said.append(event.text)

    run = begun(scene, NEVER, emit=told)
    database(run)
    migrate(run)
    undo(run, "smoke failed")
    assert any(f"ran on {LIVE_DB}, which live uses" in one for one in said)
    assert LIVE_DB in scene.databases
    assert scene.ledger == replace(CLEAN, gen=scene.ledger.gen)


def test_a_copy_of_a_shared_database_shuts_and_opens_it_under_its_makers_name(
    scene: Scene,
) -> None:
    """Live uses what an older release made: the freeze and the undo's thaw are let through."""
    scene.ledger = replace(CLEAN, live=Live(LIVE, ("10.0.1.17",), (), Via.PRIVATE, OLD))
    scene.sweep()
    assert not scene.server.is_shut(OLD_DB)
    run = begun(scene, {})
    env = f"DATABASE_URL=postgresql://{ROLE}:pw@db:5432/{OLD_DB}\n"
    scene.reach.machine(CLONE).write("/etc/shop/env", env)
    scene.server.failing["open_like"] = DatabaseError("far enough")
    with pytest.raises(DatabaseError, match="far enough"):
        database(run)
    assert scene.server.is_shut(OLD_DB)
    undo(run, "far enough")
    assert not scene.server.is_shut(OLD_DB)


def test_a_rollback_to_who_shares_it_asks_nothing(scene: Scene) -> None:
    """The database stays as it is: nothing is lost, so nothing has to be discarded."""
    released(begun(scene, NEVER))
    scene.sweep()
    scene.server.write(LIVE_DB, ROLE, "public.orders")
    scene.acts.clear()
    said: list[str] = []

    def told(event: e.Event) -> None:
        if isinstance(event, e.StepDone):
            said.append(event.text)

    done = rollback(scene.ports(), emit=told)
    assert (done.deploy, done.lost) == (str(LIVE), "")
    assert any("it stays as it is" in one for one in said)
    assert not scene.did("shut")


def test_what_retention_drops_with_its_last_user_is_no_dirt(scene: Scene) -> None:
    """The next sweep forgets the last user of a database: that database blocks no release."""
    del scene.server.held[OLD_DB]
    name = scene.add_database(DEAD, shut=True)
    long_ago = NOW - timedelta(days=300)
    newer = Previous(deploy(200, "bbbbb"), NOW, count=1, via=Via.PRIVATE)
    user = Previous(OLD, long_ago, count=1, via=Via.PRIVATE, db=DEAD)
    scene.ledger = replace(CLEAN, previous=(newer, user))
    (plan,) = make_plan(Fleet.of(scene.managed, SweepRequest(Retention(keep=1), 60))).services
    assert plan.forget == (OLD,)
    assert name in {one.resource.id for one in plan.deletes}
    assert not [one.resource.id for one in dirt(plan) if one.resource.kind == DATABASE]
