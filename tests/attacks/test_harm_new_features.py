"""Shared databases, and what is kept behind a load balancer: nothing in use goes, garbage goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.commands.retire import retire
from deployer.commands.thaw import thaw
from reconciler.errors import Refused
from reconciler.gc.retention import Retention
from reconciler.model import tags as t
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Kept, Lease, Live, Previous, Via
from reconciler.model.resource import Resource
from reconciler.model.tags import Label
from reconciler.plan.service_plan import SweepRequest
from tests.fakes.scene import ROLE, Scene
from tests.support.shop_world import (
    ALL,
    CLEAN,
    DEAD,
    EVIDENCE,
    LEDGER,
    LISTENER,
    LIVE,
    NOW,
    OLD,
    deploy,
    target_group,
)
from tests.unit.reconciler.sweep.test_traffic import OURS, Behind

MAKER = deploy(60 * 24 * 12, "mmmmm")
MAKER_DB, LIVE_DB, OLD_DB = (one.database_name(LEDGER) for one in (MAKER, LIVE, OLD))
LIVES, OLDS = target_group(LIVE, Label.LIVE, 17), target_group(OLD, Label.RETIRED, 9)
SHARED = replace(CLEAN, live=Live(LIVE, ("10.0.1.17",), (), Via.PRIVATE, MAKER))


def failed() -> list[Resource]:
    """The whole world, in which the dead release is labelled as evidence is."""
    failed = {t.STATE: Label.FAILED.value}
    return [replace(one, tags={**one.tags, **failed}) if one.deploy == DEAD else one for one in ALL]


def sharing(root: Path) -> Scene:
    """Live and the release before it use the database of one that is forgotten."""
    previous = (replace(CLEAN.previous[0], db=MAKER),)
    scene = Scene(root, OURS, replace(SHARED, previous=previous))
    for name in (LIVE_DB, OLD_DB):
        del scene.server.held[name]
    scene.add_database(MAKER)
    scene.heap.change("i-17", tags={t.SHARES: str(MAKER)})
    return scene


def test_an_ordinary_sweep_sees_what_evidence_shares(tmp_path: Path) -> None:
    """A failed release shared a database whose maker is forgotten: its machine still uses it.

    `plan` described the machine and kept the database; a sweep skipped the one and dropped the
    other.
    """
    scene = Scene(tmp_path, failed(), EVIDENCE)
    del scene.server.held[DEAD.database_name(LEDGER)]
    scene.add_database(MAKER, shut=True)
    scene.heap.change("i-41", tags={t.SHARES: str(MAKER)})
    assert scene.plan().services[0].deletes == ()
    scene.sweep()
    assert MAKER_DB in scene.databases
    scene.ledgers.now = NOW + timedelta(days=2)
    assert scene.sweep().clean
    scene.sweep()
    assert "i-41" not in scene.heap.ids
    assert MAKER_DB not in scene.databases


def test_evidence_behind_a_load_balancer_goes_in_its_time(tmp_path: Path) -> None:
    """`--keep-failed 1h`: the release waited for its target group, and that for its release."""
    evidence = target_group(DEAD, Label.FAILED, 41)
    shop = Behind(tmp_path, [(evidence, 0), (LIVES, 1)], ledger=EVIDENCE, resources=failed())
    shop.sweep()
    assert "i-41" in shop.heap.ids
    for hours in (2, 3, 4):
        shop.ledgers.now = NOW + timedelta(hours=hours)
        shop.sweep()
    assert not {one for one in shop.heap.ids if one.endswith("-41")}
    assert shop.traffic.weights() == {LIVES.id: 1}
    assert shop.ledger.kept == ()


def test_a_service_that_was_closed_behind_a_load_balancer_goes(tmp_path: Path) -> None:
    """`retire --delete-after`: no switch will ever be finished, so none may be waited for."""
    shop = Behind(tmp_path, [(OLDS, 0), (LIVES, 1)])
    shop.traffic.actions[LISTENER].clear()
    shop.ledgers.point(shop.address)
    retire(shop.ports(), str(LIVE), lambda _: None, timedelta(hours=2))
    shop.ledgers.now = NOW + timedelta(hours=1)
    shop.sweep()
    assert {"i-9", "i-17", LIVES.id} <= shop.heap.ids
    for hours in (3, 4, 5):
        shop.ledgers.now = NOW + timedelta(hours=hours)
        shop.sweep()
    assert shop.heap.ids == set()
    assert shop.databases == set()


@pytest.mark.parametrize("young", [False, True])
def test_a_dead_copy_of_what_is_shared_is_opened_again(tmp_path: Path, young: bool) -> None:
    """Two releases use the database, its maker is forgotten, and who copied it was killed."""
    scene = sharing(tmp_path)
    lease = Lease(DEAD, NOW - timedelta(minutes=4), "database")
    scene.ledger = replace(scene.ledger, lease=lease)
    scene.server.shut(MAKER_DB, FencedAct(CLEAN.gen, MAKER, LEDGER), (ROLE,), 1.0)
    for _ in range(2):
        scene.sweep(unfinished_only=young)
    assert not scene.server.is_shut(MAKER_DB)
    assert MAKER_DB in scene.databases


def test_a_forgotten_maker_takes_nothing_along(tmp_path: Path) -> None:
    """The broadest retention there is: live's database stays, and takes writes."""
    scene = sharing(tmp_path)
    scene.ledgers.now = NOW + timedelta(days=30)
    for _ in range(3):
        scene.sweep(SweepRequest(Retention(keep=0, keep_rejected=timedelta(0)), 0))
    assert scene.ledger.rooted == {LIVE}
    assert scene.databases == {MAKER_DB}
    assert not scene.server.is_shut(MAKER_DB)


def test_a_rejected_copy_is_all_that_is_shut(tmp_path: Path) -> None:
    """MAKER's database, shared by two; DEAD copied it and was rolled back from. Forget DEAD."""
    scene = sharing(tmp_path)
    rejected = Previous(DEAD, NOW - timedelta(days=8), rejected=True, count=1, via=Via.PRIVATE)
    scene.ledger = replace(scene.ledger, previous=(rejected, *scene.ledger.previous))
    copy = scene.add_database(DEAD)
    scene.sweep()
    assert (scene.server.is_shut(MAKER_DB), scene.databases) == (False, {MAKER_DB})
    assert copy not in scene.databases


@pytest.mark.parametrize("lost", ["renamed", "restored"])
def test_people_who_restore_what_is_shared(tmp_path: Path, lost: str) -> None:
    """The name leads to a restored copy, or to nothing: no act on either, and the words say so."""
    scene = sharing(tmp_path)
    scene.server.restore(MAKER_DB, "audit")
    if lost == "renamed":
        scene.server.rename(MAKER_DB, "orders_before_the_restore")
    else:
        del scene.server.held[MAKER_DB]
        scene.server.rename("audit", MAKER_DB)
    before = {name: one.comment for name, one in scene.server.held.items()}
    result = scene.sweep()
    assert not result.clean
    assert f"deployer recover shop --database {'' if lost == 'renamed' else MAKER_DB}" in (
        result.left.unknown[0].root.cure
    )
    with pytest.raises(Refused):
        thaw(scene.ports())
    assert {name: one.comment for name, one in scene.server.held.items()} == before
    assert not any(map(scene.server.is_shut, before))


def test_a_kept_release_keeps_what_it_shares(tmp_path: Path) -> None:
    """A service that was closed keeps its database as long as its youngest user."""
    scene = sharing(tmp_path)
    until = NOW + timedelta(hours=2)
    scene.ledger = replace(scene.ledger, live=None, previous=(), kept=(Kept(LIVE, until, MAKER),))
    scene.ledgers.point(scene.address)
    scene.sweep()
    assert MAKER_DB in scene.databases
