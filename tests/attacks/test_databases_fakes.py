"""Attacks on whose database it is: the use cases, on fakes (docs/attacks-databases.md)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.database_access import refuse_access
from deployer.move import move
from deployer.recover import recover
from deployer.recover_database import recover_database
from deployer.rollback import rollback
from deployer.steps.commit import commit
from reconciler import tags as t
from reconciler.cloud import LedgerAddress
from reconciler.database import memory as m
from reconciler.database.memory import Memory, State
from reconciler.errors import ConfigError, LedgerUnknown, Refused, ToolError
from reconciler.fence import FencedAct
from reconciler.ledger import Ledger, LedgerHome, Live
from reconciler.observe import observe
from reconciler.plan import Ask
from reconciler.resource import DATABASE, INSTANCE, VOLUME
from reconciler.sweep import sweep
from tests.fakes.scene import CONFIGURED, ROLE, Scene
from tests.shop_world import ALL, CLEAN, DEAD, LEDGER, LIVE, NOW, OLD, PLACE

LIVE_DB, OLD_DB, DEAD_DB = (one.database_name(LEDGER) for one in (LIVE, OLD, DEAD))
ORDERS = "public.orders"
HOME = LedgerHome("shop.example.com", PLACE.account, PLACE.region)
THERE = LedgerAddress("shop", "Z2", "example.org", "shop.example.org", PLACE.account, PLACE.region)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Shop on fakes, clean, under a ledger that knows its home."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD], replace(CLEAN, home=HOME))


def yes(_: object) -> bool:
    """A person who has looked."""
    return True


def memory_of(scene: Scene, name: str) -> Memory:
    """What a database remembers."""
    return m.parse(scene.server.held[name].comment)


def test_06_a_previous_database_that_forgot_what_to_give_back(scene: Scene) -> None:
    """A person deletes its comment; the cure; then a rollback to a database nobody may write in."""
    scene.server.record_baseline(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER))
    scene.server.held[OLD_DB].comment = ""
    try:
        recover_database(scene.ports(), OLD_DB, yes)
        rollback(scene.ports(), OLD)
    except ToolError as error:
        assert scene.ledger.live == CLEAN.live, "refused, but committed"
        assert "GRANT" in f"{error.cure} {error.detail}"
    scene.server.write(scene.ledger.live and LIVE_DB if scene.ledger.live == CLEAN.live else OLD_DB, ROLE, ORDERS)


def test_10_stagings_cure_leaves_production_alone(scene: Scene) -> None:
    """Same service name, same server, another zone: its database is nobody else's to claim."""
    theirs = "Z9/shop._deploy.example.com"
    for deploy in (OLD, LIVE, DEAD):
        name = deploy.database_name(theirs)
        scene.server.create(name, ROLE, Memory(deploy, theirs, NOW, generation=7))
        before = scene.server.held[name].comment
        with pytest.raises(Refused):
            recover_database(scene.ports(), name, yes)
        assert scene.server.held[name].comment == before
        scene.sweep()
        assert scene.server.held[name].comment == before


def test_11_a_strangers_database_is_not_claimed(scene: Scene) -> None:
    """A typing error with --yes; live has its database already, in full faith."""
    scene.server.restore(LIVE_DB, "metabase", comment=False)
    theirs = scene.server.held["metabase"]
    theirs.comment, theirs.owner, theirs.sessions = "dashboards of finance", "metabase", ["metabase"]
    with pytest.raises(Refused):
        recover_database(scene.ports(), "metabase", yes)
    assert scene.server.held["metabase"].comment == "dashboards of finance"
    assert memory_of(scene, LIVE_DB).oid


def test_19_the_dbas_recovery(scene: Scene) -> None:
    """Renamed away, restored under its name, recovered: counts begin anew, and both are kept."""
    scene.server.record_baseline(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER))
    scene.server.rename(LIVE_DB, f"{LIVE_DB}_broken")
    scene.server.restore(f"{LIVE_DB}_broken", LIVE_DB)
    recover_database(scene.ports(), LIVE_DB, yes)
    with pytest.raises(Refused, match="cannot be counted"):
        rollback(scene.ports(), OLD)
    rollback(scene.ports(), OLD, discard_writes=True)
    ask = Ask(replace(scene.managed.retention, keep=0, keep_rejected=timedelta(0)), 0)
    for _ in range(3):
        scene.sweep(ask)
    assert f"{LIVE_DB}_broken" in scene.databases


def test_20_the_old_address_gets_a_new_tenant(scene: Scene) -> None:
    """Production moved; its tombstone is tidied away; another shop is adopted at the old zone."""
    ports = scene.ports()
    old = ports.managed.address
    home = replace(ports.managed.home, ledger=str(THERE))
    there = replace(ports, managed=replace(ports.managed, address=THERE, home=home))
    move(there, yes)
    assert sweep([there.managed], {}).clean
    tenant = Ledger(CLEAN.gen + 50, Live(DEAD, ("10.0.9.9",)), home=HOME)
    scene.ledgers.put(old, tenant)
    scene.server.create("tenants", ROLE, Memory(DEAD, LEDGER, NOW, generation=1))
    before = {name: scene.server.held[name].comment for name in (LIVE_DB, OLD_DB)}
    scene.sweep()
    assert {LIVE_DB, OLD_DB} <= scene.databases
    assert {name: scene.server.held[name].comment for name in (LIVE_DB, OLD_DB)} == before
    assert not scene.server.is_shut(LIVE_DB)
    scene.server.write(LIVE_DB, ROLE, ORDERS)
