"""Attacks on whose database it is: the use cases, on fakes (docs/attacks-databases.md)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deployer.commands.move.command import move
from deployer.commands.recover.database import recover_database
from deployer.commands.rollback.command import rollback
from deployer.release.context import ReleaseInputs, ReleaseOptions
from deployer.release.steps.guard import guard
from reconciler.cli.hold import refuse_adopted
from reconciler.database import state_comment as m
from reconciler.database.port import Changes
from reconciler.database.state_comment import Memory
from reconciler.errors import ConfigError, Refused
from reconciler.model import tags as t
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Ledger, LedgerHome, Live
from reconciler.model.reading import LedgerAddress
from reconciler.plan.service_plan import SweepRequest
from reconciler.ports.fleet import Fleet
from reconciler.sweep.runner import sweep
from reconciler.util.secret import Secret
from tests.fakes.scene import CONFIGURED, ROLE, Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, LEDGER, LIVE, NOW, OLD, PLACE

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


def test_01_the_wrong_server(scene: Scene) -> None:
    """`admin` and `url` lead to a clone of live's server, which has all the same names."""
    where = Secret(f"postgresql://{ROLE}:pw@clone.internal/shop")
    ports = scene.ports(database={**CONFIGURED["database"], "url": "env:APP_URL"})
    run = ReleaseInputs(replace(ports, resolve=lambda _: where), ReleaseOptions(), lambda _: None)
    scene.acts.clear()
    says = "live's database is on db:5432, database.url leads to clone.internal:5432"
    with pytest.raises(ConfigError, match=says):
        guard(run)
    assert not scene.did("swap", "shut", "run", "create", "label", "delete")
    env = f"DATABASE_URL=postgresql://{ROLE}:p%2Fw@Clone.internal:5432/{LIVE_DB}?sslmode=require\n"
    scene.reach.machine("i-17").write("/etc/shop/env", env)
    assert guard(run).text == "clean"


def test_02_a_rollback_counts_once_all_have_reported(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a pooled session reports after the shut is refused as well, and live goes on."""
    scene.server.record_baseline(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER))
    late = Changes({ORDERS: 2})
    monkeypatch.setattr(scene.server, "final_changes", lambda _: late)
    with pytest.raises(Refused, match="at least 2 row changes"):
        rollback(scene.ports(), OLD)
    assert scene.ledger.live == CLEAN.live
    scene.server.write(LIVE_DB, ROLE, ORDERS)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"subscriptions": {"theirs"}}, "subscription theirs streams changes into"),
        ({"policies": {"public.secrets"}}, "row security binds the application"),
        ({"free": {"loader"}}, "loader may write every table"),
    ],
)
def test_04_14_16_what_no_freeze_or_copy_keeps_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, found: dict[str, set[str]], says: str
) -> None:
    """Before anything is made or touched, with what can be done."""
    examine = scene.server.examine
    more: dict[str, Any] = {key: frozenset(names) for key, names in found.items()}
    monkeypatch.setattr(scene.server, "examine", lambda *asked: replace(examine(*asked), **more))
    scene.acts.clear()
    with pytest.raises(Refused, match=says) as refused:
        guard(ReleaseInputs(scene.ports(), ReleaseOptions(), lambda _: None))
    assert refused.value.cure
    assert not scene.did("swap", "shut", "run", "create", "label", "delete")


def granted(scene: Scene, name: str) -> None:
    """The owner gives the application its rights by hand, as the cure says."""
    scene.server.held[name].add_table(ORDERS, 3)


def test_05_live_forgets_what_to_give_back(scene: Scene) -> None:
    """A person overwrites the comment of a frozen database; nothing says that it is open."""
    scene.server.shut(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER), (ROLE,), 1.0)
    scene.server.held[LIVE_DB].comment = "owned by checkout"
    assert not scene.sweep().clean
    with pytest.raises(Refused, match="could not be opened any more") as refused:
        recover_database(scene.ports(), LIVE_DB, yes)
    assert f'GRANT CREATE ON SCHEMA public TO "{ROLE}"' in refused.value.cure
    granted(scene, LIVE_DB)
    recover_database(scene.ports(), LIVE_DB, yes)
    assert memory_of(scene, LIVE_DB).note == "owned by checkout"
    assert scene.sweep().clean
    scene.server.write(LIVE_DB, ROLE, ORDERS)


def test_06_a_previous_one_forgets_what_to_give_back(scene: Scene) -> None:
    """A person deletes its comment; after the cure a rollback finds a database that it can open."""
    scene.server.record_baseline(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER))
    scene.server.held[OLD_DB].comment = ""
    recover_database(scene.ports(), OLD_DB, yes)
    with pytest.raises(Refused, match="could not be opened any more"):
        rollback(scene.ports(), OLD)
    assert scene.ledger.live == CLEAN.live
    scene.server.write(LIVE_DB, ROLE, ORDERS)
    granted(scene, OLD_DB)
    recover_database(scene.ports(), OLD_DB, yes)
    assert scene.sweep().clean
    assert scene.server.is_shut(OLD_DB)
    rollback(scene.ports(), OLD, discard_writes=True)
    scene.server.write(OLD_DB, ROLE, ORDERS)


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
    theirs.comment, theirs.owner, theirs.sessions = (
        "dashboards of finance",
        "metabase",
        ["metabase"],
    )
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
    ask = SweepRequest(replace(scene.managed.retention, keep=0, keep_rejected=timedelta(0)), 0)
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
    assert sweep(Fleet.of(there.managed)).clean
    tenant = Ledger(CLEAN.gen + 50, Live(DEAD, ("10.0.9.9",)), home=HOME)
    scene.ledgers.put(old, tenant)
    scene.server.create("tenants", ROLE, Memory(DEAD, LEDGER, NOW, generation=1))
    before = {name: scene.server.held[name].comment for name in (LIVE_DB, OLD_DB)}
    scene.sweep()
    assert {LIVE_DB, OLD_DB} <= scene.databases
    assert {name: scene.server.held[name].comment for name in (LIVE_DB, OLD_DB)} == before
    assert not scene.server.is_shut(LIVE_DB)
    scene.server.write(LIVE_DB, ROLE, ORDERS)


def test_12_adoptions_hold_is_no_word_of_peoples() -> None:
    """Overwritten by `hold`, or taken off by `release`, live's machine would be a stranger."""
    machine = next(one for one in ALL if one.id == "i-17")
    adopted = replace(machine, tags={**machine.tags, t.HOLD: t.HELD_BY_ADOPTION})
    with pytest.raises(Refused, match="was adopted"):
        refuse_adopted(adopted)
    refuse_adopted(replace(adopted, tags={**machine.tags, t.HOLD: "ask Ann"}))
    refuse_adopted(machine)


@pytest.mark.parametrize("held", ["vol-41", "eni-41", "snap-41", "ami-41"])
@pytest.mark.parametrize("unfinished_only", [False, True])
def test_13_a_held_part_outlives_its_machine(
    tmp_path: Path, held: str, *, unfinished_only: bool
) -> None:
    """A disk as evidence: its machine would take it along, and so stays as well."""
    scene = Scene(tmp_path, ALL, replace(CLEAN, home=HOME))
    scene.heap.change(held, tags={t.HOLD: "evidence"})
    scene.sweep(unfinished_only=unfinished_only)
    assert held in scene.heap.ids
    assert ("i-41" in scene.heap.ids) == (held in ("vol-41", "eni-41"))
    assert LIVE_DB in scene.databases
