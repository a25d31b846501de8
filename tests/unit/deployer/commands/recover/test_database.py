"""Databases that people restored, copied and renamed (rule 15): whose they are, and the way out.

The first two are attacks that were carried out: three acknowledged orders were lost, and a
database was dropped that somebody was working in.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from deployer.commands.recover.database import Rewriting, recover_database
from deployer.commands.rollback.command import rollback
from deployer.output.recover_database import as_json, lines
from reconciler.database import state_comment as m
from reconciler.database.port import DatabaseInfo
from reconciler.database.state_comment import Memory, State
from reconciler.errors import DatabaseError, NoDatabase, Refused
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Lease
from reconciler.model.outcome import OutcomeStatus
from reconciler.model.resource import DATABASE
from tests.fakes.scene import ROLE, Scene
from tests.support.shop_world import CLEAN, DEAD, LEDGER, LIVE, NOW, OLD

LIVE_DB, OLD_DB, DEAD_DB = (one.database_name(LEDGER) for one in (LIVE, OLD, DEAD))
ORDERS = "public.orders"


def yes(_: Rewriting) -> bool:
    """A person who has looked."""
    return True


def info(scene: Scene, name: str) -> DatabaseInfo:
    """The database as it is listed."""
    return next(one for one in scene.server.databases() if one.name == name)


def restored(scene: Scene, name: str, *, comment: bool = True) -> str:
    """Renamed, and a backup restored under its name; returns what the original is called."""
    scene.server.rename(name, f"{name}_old")
    scene.server.restore(f"{name}_old", name, comment=comment)
    return f"{name}_old"


def problem(scene: Scene) -> str:
    """Why the service is unknown; '' where it is not."""
    return scene.plan().services[0].problem


def settled(scene: Scene, name: str) -> None:
    """The owner has said which it is: all is known and clean again."""
    recover_database(scene.ports(), name, yes)
    assert problem(scene) == ""
    assert scene.sweep().clean


def test_a_copy_does_not_answer_for_the_original(scene: Scene) -> None:
    """Attack: the copy had no changes, so a rollback gave three acknowledged orders up, in silence.

    It comes first in the list, and its comment was copied along with its content.
    """
    scene.server.record_baseline(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER))
    scene.server.restore(LIVE_DB, "audit")
    for _ in range(3):
        scene.server.write(LIVE_DB, ROLE, ORDERS)
    before = scene.server.held["audit"].comment
    with pytest.raises(Refused, match="at least 3 row changes"):
        rollback(scene.ports(), OLD)
    rollback(scene.ports(), OLD, discard_writes=True)
    assert scene.server.is_shut(LIVE_DB)
    scene.server.write("audit", ROLE, ORDERS)  # other people's, and theirs it stays
    assert scene.server.held["audit"].comment == before


def test_a_forgotten_releases_backup_is_the_dbas(scene: Scene) -> None:
    """Attack: restored under its own name, without a comment, with a session: it was dropped."""
    scene.add_database(DEAD)
    database = scene.server.held[DEAD_DB]
    database.comment, database.sessions = "", ["dba"]
    assert scene.sweep().clean
    assert DEAD_DB in scene.databases
    (seen,) = (one for one in scene.plan().services[0].verdicts if one.resource.id == DEAD_DB)
    assert "no memory of being it" in seen.text


def test_nothing_is_dropped_under_others(scene: Scene) -> None:
    """A dead release's own database, with somebody in it: kept, and said with what to do."""
    scene.add_database(DEAD)
    scene.server.held[DEAD_DB].sessions = ["dba", ROLE]
    result = scene.sweep()
    (left,) = (one for one in result.outcomes if one.resource.kind == DATABASE)
    assert left.status is OutcomeStatus.BLOCKED
    assert "in use by dba" in left.text
    assert "ignore_roles" in left.text
    assert not result.clean
    scene.server.held[DEAD_DB].sessions = [ROLE]
    assert scene.sweep().clean
    assert DEAD_DB not in scene.databases


def test_a_role_to_ignore_keeps_nothing(scene: Scene) -> None:
    """A monitoring agent is connected to every database, always."""
    scene.add_database(DEAD)
    scene.server.held[DEAD_DB].sessions = ["agent"]
    scene.managed = replace(scene.managed, ignore_roles=("agent",))
    assert scene.sweep().clean
    assert DEAD_DB not in scene.databases


def test_what_was_being_made_is_collected(scene: Scene) -> None:
    """A deployer died between CREATE DATABASE and COMMENT."""
    scene.add_database(DEAD)
    making = m.making_name(DEAD_DB)
    scene.server.rename(DEAD_DB, making)
    scene.server.held[making].comment = ""
    scene.server.held[making].rows.clear()
    assert scene.sweep().clean
    assert making not in scene.databases


@pytest.mark.parametrize("name", [LIVE_DB, OLD_DB])
@pytest.mark.parametrize("comment", [True, False])
def test_a_restored_database_is_the_owners_to_name(
    scene: Scene, name: str, *, comment: bool
) -> None:
    """Restored in place, live's or a previous one's: unknown until its owner has said so."""
    original = restored(scene, name, comment=comment)
    assert name in problem(scene)
    writes = {one: frozenset(it.grants) for one, it in scene.server.held.items()}
    assert not scene.sweep().clean
    with pytest.raises(Refused, match="in doubt") as refused:
        rollback(scene.ports(), discard_writes=True)
    assert f"deployer recover shop --database {name}" in refused.value.cure
    assert {one: frozenset(it.grants) for one, it in scene.server.held.items()} == writes
    settled(scene, name)
    # Renamed back by mistake, the original does not take its place again.
    scene.server.rename(name, "aside")
    scene.server.rename(original, name)
    assert problem(scene)


def test_the_way_out_of_an_upgrade(scene: Scene) -> None:
    """Dump and restore of a whole server: the comments are there, every oid is another."""
    for name in (LIVE_DB, OLD_DB):
        del scene.server.held[restored(scene, name)]
    assert LIVE_DB in problem(scene) or OLD_DB in problem(scene)
    recover_database(scene.ports(), LIVE_DB, yes)
    assert OLD_DB in problem(scene)
    settled(scene, OLD_DB)
    assert scene.server.is_shut(OLD_DB)
    assert not scene.server.is_shut(LIVE_DB)


def test_the_way_out_of_a_rename(scene: Scene) -> None:
    """The counters are of the same database: a rollback still knows what it would lose."""
    scene.server.record_baseline(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER))
    scene.server.write(LIVE_DB, ROLE, ORDERS)
    scene.server.rename(LIVE_DB, "shop_production")
    assert "shop_production" in problem(scene)
    settled(scene, "shop_production")
    with pytest.raises(Refused, match="at least 1 row changes"):
        rollback(scene.ports())


def test_a_restored_one_counts_as_changed(scene: Scene) -> None:
    """What was written before the backup, nobody can count: a rollback has to be told."""
    scene.server.record_baseline(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER))
    restored(scene, LIVE_DB)
    settled(scene, LIVE_DB)
    with pytest.raises(Refused, match="cannot be counted"):
        rollback(scene.ports())


def test_two_that_claim_to_be_live(scene: Scene) -> None:
    """Adopted, then another one frozen: both remember. The other is told to be nobody's."""
    del scene.server.held[LIVE_DB]
    for name in ("shop", "shop2"):
        scene.server.create(name, ROLE, Memory(LIVE, LEDGER, NOW, generation=2))
        scene.server.held[name].add_table(ORDERS)
    assert "shop, or shop2: each remembers" in problem(scene)
    done = recover_database(scene.ports(), "shop2", yes)
    assert [one.name for one in done.disowned] == ["shop"]
    assert problem(scene) == ""
    with pytest.raises(Refused, match="people said"):
        scene.server.shut("shop", FencedAct(90, LIVE, LEDGER), (ROLE,), 1.0)
    scene.server.shut("shop2", FencedAct(90, LIVE, LEDGER), (ROLE,), 1.0)


def test_a_database_without_any_sign_becomes_lives(scene: Scene) -> None:
    """Restored under a name of people's own, without a comment, and the app was led there."""
    scene.server.restore(LIVE_DB, "shop_new", comment=False)
    env = "DATABASE_URL=postgresql://shop:pw@db/shop_new\n"
    scene.reach.machine("i-17").write("/etc/shop/env", env)
    done = recover_database(scene.ports(), "shop_new", yes)
    assert (done.memory.deploy, done.role) == (LIVE, "live")
    assert [one.name for one in done.disowned] == [LIVE_DB]
    assert problem(scene) == ""


def test_a_previous_one_restored_open_is_shut_again(scene: Scene) -> None:
    """Its memory says shut, and it takes writes: the sweep shuts it."""
    restored(scene, OLD_DB, comment=True)
    scene.server.held[OLD_DB].add_table(ORDERS, 3)
    settled(scene, OLD_DB)
    assert scene.server.is_shut(OLD_DB)


def test_a_live_one_restored_shut_is_opened(scene: Scene) -> None:
    """The backup is of the moment of a release: what the freeze took away stands in its comment."""
    scene.server.shut(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER), (ROLE,), 1.0)
    restored(scene, LIVE_DB)
    done = recover_database(scene.ports(), LIVE_DB, yes)
    assert done.memory.state is State.SHUT
    assert scene.sweep().clean
    scene.server.write(LIVE_DB, ROLE, ORDERS)


def test_what_is_not_rooted_gets_no_memory(scene: Scene) -> None:
    """It would make garbage of what people have restored."""
    scene.add_database(DEAD)
    scene.server.held[DEAD_DB].comment = ""
    with pytest.raises(Refused, match="does not name"):
        recover_database(scene.ports(), DEAD_DB, yes)
    assert scene.server.held[DEAD_DB].comment == ""


def test_nothing_is_written_before_it_is_agreed_to(scene: Scene) -> None:
    """What is shown names the database, whose it becomes, and what is beside it."""
    original = restored(scene, LIVE_DB)
    before = {name: one.comment for name, one in scene.server.held.items()}
    shown: list[Rewriting] = []

    def no(wanted: Rewriting) -> None:
        shown.append(wanted)
        raise Refused("a no")

    with pytest.raises(Refused, match="a no"):
        recover_database(scene.ports(), LIVE_DB, no)
    assert {name: one.comment for name, one in scene.server.held.items()} == before
    text = "\n".join(lines(shown[0]))
    for words in (str(LIVE), LIVE_DB, original, "it takes writes", "copied, restored or renamed"):
        assert words in text
    assert as_json(shown[0])["disowned"] == [original]


def test_not_while_somebody_releases(scene: Scene) -> None:
    """A release acts on databases under its lease; one whose lease has run out does not."""
    restored(scene, LIVE_DB)
    lease = Lease(DEAD, NOW + timedelta(minutes=8), "database")
    scene.ledger = replace(CLEAN, lease=lease)
    with pytest.raises(Refused, match="is being changed"):
        recover_database(scene.ports(), LIVE_DB, yes)
    scene.ledger = replace(CLEAN, lease=replace(lease, until=NOW - timedelta(minutes=1)))
    settled(scene, LIVE_DB)


def test_not_by_a_ledger_that_is_in_doubt(scene: Scene) -> None:
    """Missing, or older than what a database has obeyed."""
    scene.server.shut(OLD_DB, FencedAct(77, OLD, LEDGER), (ROLE,), 1.0)
    with pytest.raises(Refused, match="older than it should be") as refused:
        recover_database(scene.ports(), LIVE_DB, yes)
    assert refused.value.cure.endswith("deployer recover shop")


def test_what_cannot_be_a_services_database(scene: Scene) -> None:
    """A name that is not there; another ledger's; a service without databases."""
    with pytest.raises(DatabaseError, match="there is no database"):
        recover_database(scene.ports(), "missing", yes)
    theirs = "Z9/shop._deploy.example.net"
    scene.server.create("theirs", ROLE, Memory(LIVE, theirs, NOW))
    with pytest.raises(Refused, match="belongs to the ledger"):
        recover_database(scene.ports(), "theirs", yes)
    scene.reach.server = None
    with pytest.raises(NoDatabase):
        recover_database(scene.ports(), LIVE_DB, yes)


def test_a_database_without_any_sign_becomes_lives_only_where_live_uses_it(scene: Scene) -> None:
    """A name was mistyped: the next release would shut a foreign database."""
    scene.server.restore(LIVE_DB, "shop_new", comment=False)
    with pytest.raises(Refused, match="has neither its name nor its memory"):
        recover_database(scene.ports(), "shop_new", yes)
    assert scene.server.held["shop_new"].comment == ""
