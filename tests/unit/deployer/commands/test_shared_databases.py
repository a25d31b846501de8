"""Thaw, recover and retire where live uses a database that another deploy made (ADR 23)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployer.commands.recover.command import recover
from deployer.commands.recover.database import recover_database
from deployer.commands.rollback.command import rollback
from deployer.commands.status import status
from deployer.commands.thaw import thaw
from reconciler.cost.audit import report
from reconciler.cost.price_list import Prices
from reconciler.errors import CloudError, Refused, StaleAct
from reconciler.gc.mark import mark
from reconciler.gc.verdict import Reason, Role
from reconciler.model import tags as t
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Ledger, Live, Via
from reconciler.model.resource import DATABASE, Inventory
from reconciler.output.explain import find
from tests.fakes.scene import ROLE, Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, LEDGER, LIVE, OLD, root

OLD_DB = OLD.database_name(LEDGER)
SHARED = replace(CLEAN, live=Live(LIVE, ("10.0.1.17",), (), Via.PRIVATE, OLD))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Live uses the database of the release before, which somebody has shut."""
    found = Scene(tmp_path, [one for one in ALL if one.deploy != DEAD], SHARED)
    del found.server.held[LIVE.database_name(LEDGER)]
    found.heap.change("i-17", tags={t.SHARES: str(OLD)})
    assert found.server.is_shut(OLD_DB)
    found.acts.clear()
    return found


def test_a_thaw_opens_what_live_uses(scene: Scene) -> None:
    """By the ledger."""
    assert thaw(scene.ports()) == OLD_DB
    assert not scene.server.is_shut(OLD_DB)


def test_a_thaw_without_a_ledger_goes_by_the_machines_tag(scene: Scene) -> None:
    """Route 53 does not answer: only labels and tags say what live is and uses."""
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")
    assert thaw(scene.ports(), deployer_is_dead=True) == OLD_DB


def test_a_lost_ledger_is_written_with_what_is_shared(scene: Scene) -> None:
    """From the tag on the machines: else the database would belong to nobody once OLD is gone."""
    scene.ledgers.zone.texts.clear()
    recover(scene.ports(), lambda _: None)
    assert scene.ledger.live is not None
    assert scene.ledger.live.db == OLD


def test_a_readable_ledger_says_it_where_no_tag_does(scene: Scene) -> None:
    """People took the tag off."""
    scene.heap.untag("i-17", [t.SHARES])
    recover(scene.ports(), lambda _: None)
    assert scene.ledger.live is not None
    assert scene.ledger.live.db == OLD


def test_a_restored_database_is_given_to_who_uses_it(scene: Scene) -> None:
    """Its own deploy is forgotten: what counts is that live uses it."""
    scene.ledger = replace(SHARED, previous=())
    scene.server.restore(OLD_DB, "restored")
    del scene.server.held[OLD_DB]
    scene.server.rename("restored", OLD_DB)
    done = recover_database(scene.ports(), OLD_DB, lambda _: None)
    assert (done.memory.deploy, done.role) == (OLD, Role.LIVE)


def test_status_names_the_database_that_each_uses(scene: Scene) -> None:
    """The same one twice."""
    found = {one.id: one.database for one in status(scene.ports()).deploys}
    assert found == {LIVE: OLD_DB, OLD: OLD_DB}


def test_a_database_keeps_only_its_fence_of_an_older_time(scene: Scene) -> None:
    """A late freeze of before the thaw is refused, whoever it names."""
    thaw(scene.ports())
    with pytest.raises(StaleAct):
        scene.server.shut(OLD_DB, FencedAct(1, OLD, LEDGER), (ROLE,), 1.0)


def test_a_machine_that_is_held_keeps_the_database_that_it_shares() -> None:
    """The ledger names neither of them any more: the tag on the machine does (rule 16)."""
    tags = {t.SHARES: str(OLD), t.HOLD: "look at it"}
    resources = tuple(
        replace(one, tags={**one.tags, t.STATE: "left", **(tags if one.id == "i-41" else {})})
        for one in ALL
        if one.deploy in (OLD, DEAD)
    )
    verdicts = mark(Inventory(resources), {"shop": root(Ledger(9))})
    (found,) = [one for one in verdicts if one.resource.id == "db-9"]
    assert found.resource.kind == DATABASE
    assert (found.reason, found.text) == (Reason.IN_USE, "i-41 uses it, which is kept")


def test_the_audit_counts_it_as_its_users(scene: Scene) -> None:
    """One live deploy, with the database that it uses; `explain` finds it by either deploy."""
    plan = scene.plan()
    rows = report(plan, Prices()).rows
    live = [row for row in rows if row.state == "live"]
    assert [row.deploy for row in live] == [LIVE]
    assert OLD_DB in {item.verdict.resource.id for item in live[0].items}
    for deploy in (LIVE, OLD):
        found = {one.resource.id: one.text for one in find(plan, str(deploy))}
        assert "and uses it" in found[OLD_DB]


def test_a_rollback_past_a_copy_opens_the_shared_one(tmp_path: Path) -> None:
    """A made it and is forgotten, B shares it, C has copied it: back to B, A's database opens."""
    live_db, name = LIVE.database_name(LEDGER), DEAD.database_name(LEDGER)
    previous = (replace(CLEAN.previous[0], db=DEAD),)
    scene = Scene(
        tmp_path, [one for one in ALL if one.deploy != DEAD], replace(CLEAN, previous=previous)
    )
    del scene.server.held[OLD_DB]
    scene.add_database(DEAD, shut=True)
    scene.server.write(live_db, ROLE, "public.orders")
    with pytest.raises(Refused, match="does not have"):
        rollback(scene.ports())
    assert not scene.server.is_shut(live_db)
    done = rollback(scene.ports(), discard_writes=True)
    assert (done.deploy, scene.ledger.user_of(DEAD)) == (str(OLD), OLD)
    assert (scene.server.is_shut(live_db), scene.server.is_shut(name)) == (True, False)
    rollback(scene.ports(), LIVE, discard_writes=True)
    assert (scene.server.is_shut(live_db), scene.server.is_shut(name)) == (False, True)
    assert scene.plan().services[0].empty
