"""Somebody holds the lease, or held it: releases at work, dead ones, pauses, a shut database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Lease
from reconciler.model.resource import DATABASE
from reconciler.model.tags import Label
from tests.cures.case import Case
from tests.cures.desk import Desk
from tests.fakes.scene import ROLE
from tests.support.shop_world import CLEAN, DEAD, LEDGER, LIVE, NOW, resources

LIVE_DB = LIVE.database_name(LEDGER)
RUNS, OVER = NOW + timedelta(minutes=8), NOW - timedelta(minutes=4)
PAUSE = "deployer pause shop --for 2h --reason x"


def counted(desk: Desk) -> None:
    """Live's writes are counted since its release, as always after one."""
    desk.scene.server.record_baseline(LIVE_DB, FencedAct(3, LIVE, LEDGER))


def leftovers(desk: Desk) -> None:
    """What a release had made when it died; its lease is gone."""
    counted(desk)
    every = resources(DEAD, "v1.4.9", Label.PENDING, 41)
    desk.scene.heap.add(one for one in every if one.kind != DATABASE)


def shut(desk: Desk) -> None:
    """Live takes no writes, and nobody is at work."""
    counted(desk)
    desk.scene.server.shut(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER), (ROLE,), 1.0)


def at_work(desk: Desk) -> None:
    """A release is at work, and has shut live."""
    leftovers(desk)
    shut(desk)
    desk.scene.ledger = replace(CLEAN, lease=Lease(DEAD, RUNS, "database"))


def runs_out(desk: Desk) -> None:
    """The deployer is dead, and its lease runs out."""
    desk.scene.ledgers.now = RUNS + timedelta(minutes=3)


def died(desk: Desk) -> None:
    """The same, its deployer dead, its lease over."""
    at_work(desk)
    desk.scene.ledger = replace(CLEAN, lease=Lease(DEAD, OVER, "database"))


def died_early(desk: Desk) -> None:
    """It died before it had shut anything."""
    leftovers(desk)
    desk.scene.ledger = replace(CLEAN, lease=Lease(DEAD, OVER, "launch"))


def ends(desk: Desk) -> None:
    """Whoever holds the lease ends, and undoes what it did."""
    assert desk.types("deployer abort shop").code == 0


def paused(desk: Desk) -> None:
    """A person has paused it."""
    counted(desk)
    assert desk.types(PAUSE).code == 0


def resumed(desk: Desk) -> None:
    """The pause is ended by whoever began it."""
    assert desk.types("deployer resume shop").code == 0


def images(desk: Desk) -> None:
    """Only an image and its snapshot are left, which a sweep could not delete."""
    counted(desk)
    every = resources(DEAD, "v1.4.9", Label.PENDING, 41)
    desk.scene.heap.add(one for one in every if one.id in ("ami-41", "snap-41"))


def outrun(desk: Desk) -> None:
    """Another release takes the lease between the look and the swap."""
    counted(desk)
    other = replace(CLEAN, gen=60, lease=Lease(DEAD, RUNS, "launch"))
    desk.scene.ledgers.meddlers.append(lambda: setattr(desk.scene, "ledger", other))


REFUSALS, VERDICT = "deployer/checks/refusals.py::", "deployer/output/verdict.py::"
CASES = (
    Case(f"{REFUSALS}held", at_work, "deployer up shop", "deployer abort shop"),
    Case(f"{REFUSALS}held", at_work, "deployer up shop", "deployer up shop --wait 15m", ends),
    Case(f"{REFUSALS}_paused", paused, "deployer up shop", "deployer resume shop"),
    Case(f"{REFUSALS}_paused", paused, "deployer up shop", "deployer up shop", resumed),
    Case(f"{REFUSALS}dirt", leftovers, "deployer up shop", "reconciler sweep --service shop"),
    Case(f"{REFUSALS}dirt", died, "deployer up shop", "deployer up shop --sweep-first"),
    Case(
        f"{REFUSALS}_beside",
        images,
        "deployer up shop",
        "deployer up shop --despite ami-41 --despite snap-41",
    ),
    Case("deployer/cli/lease.py::pause", counted, PAUSE, "deployer resume shop"),
    Case(
        "deployer/commands/pause.py::_no_pause",
        at_work,
        "deployer resume shop",
        "deployer abort shop",
    ),
    Case("deployer/commands/pause.py::_refuse_busy", at_work, PAUSE, PAUSE, ends),
    Case(
        "deployer/commands/pause.py::_refuse_busy", died, PAUSE, "reconciler sweep --service shop"
    ),
    Case(
        "deployer/commands/pause.py::_refuse_busy", shut, PAUSE, "reconciler sweep --service shop"
    ),
    Case(
        "deployer/commands/abort.py::lease_to_abort",
        leftovers,
        "deployer abort shop",
        "reconciler sweep --service shop",
    ),
    Case(
        "deployer/commands/rollback/command.py::_end_expired",
        at_work,
        "deployer rollback shop",
        "deployer rollback shop",
        ends,
    ),
    Case(
        "deployer/commands/rollback/command.py::_begin",
        outrun,
        "deployer rollback shop",
        "deployer rollback shop",
        ends,
    ),
    Case(
        "deployer/release/lease_holder.py::__init__",
        outrun,
        "deployer up shop",
        "deployer up shop",
        ends,
    ),
    Case(
        "deployer/commands/thaw.py::_end",
        at_work,
        "deployer thaw shop",
        "deployer thaw shop --deployer-is-dead",
    ),
    Case(
        "deployer/commands/thaw.py::_end",
        at_work,
        "deployer thaw shop",
        "deployer thaw shop",
        runs_out,
    ),
    Case(
        f"{VERDICT}_shut", at_work, "deployer status shop", "deployer thaw shop --deployer-is-dead"
    ),
    Case(f"{VERDICT}_shut", died, "deployer status shop", "deployer thaw shop"),
    Case(f"{VERDICT}_shut", died, "deployer status shop", "reconciler sweep --service shop"),
    Case(
        f"{VERDICT}_routine", leftovers, "deployer status shop", "reconciler sweep --service shop"
    ),
    Case(
        "reconciler/output/write_stop.py::write_stop_lines",
        at_work,
        "reconciler plan",
        "deployer thaw shop --deployer-is-dead",
    ),
    Case(
        "reconciler/output/write_stop.py::write_stop_lines",
        died,
        "reconciler plan",
        "deployer thaw shop",
    ),
)
