"""What only an edge says: of AWS, of SSH, of a database server, of a process that is ended."""

from __future__ import annotations

import copy
import itertools
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import NoReturn

import deployer.release.live.bake
import reconciler.cli.scopes.time_limit
from deployer.compute import ImageOrder
from deployer.release.context import NewMachine, ReleaseContext
from deployer.release.steps.image import image
from reconciler.aws.deletion import judged
from reconciler.errors import CloudError, ToolError
from reconciler.model.fencing import FencedAct
from reconciler.model.resource import SNAPSHOT, Resource
from reconciler.util import signals
from reconciler.util.backoff import Backoff
from reconciler.wiring import edges
from reconciler.wiring.service_access import SshServiceAccess
from tests.cures.case import Case
from tests.cures.databases import NAMES_LIVE
from tests.cures.desk import UNDER_WAY, Desk
from tests.cures.homes import LEAVE, UP, well
from tests.cures.lease import LIVE_DB, counted, leftovers, runs_out, shut
from tests.cures.ledger import answers
from tests.cures.sweeps import BACK, SWEEP, goes_live, handover, heard, makes, silent
from tests.fakes.ledgers import Weather
from tests.fakes.scene import ROLE, service
from tests.support.shop_world import CLEAN, LEDGER, LIVE


def used_elsewhere(desk: Desk) -> None:
    """A leftover snapshot is used by an image that people made of it."""
    leftovers(desk)
    in_use = CloudError("it is in use", code="InvalidSnapshot.InUse")

    def refuse(one: Resource) -> str:
        return judged(one, in_use).text if one.kind == SNAPSHOT else ""

    desk.scene.heap.refuse = refuse


def out_of_reach(desk: Desk) -> None:
    """A rollback is not finished, and from here neither machines nor databases are reached."""
    handover(desk)
    scene = desk.scene
    reach = SshServiceAccess(service(), None, edges._not_tried)
    scene.managed = replace(scene.managed, reach=reach)


def within_reach(desk: Desk) -> None:
    """The same, from where they are."""
    heard(desk)
    desk.scene.managed = replace(desk.scene.managed, reach=desk.scene.reach)


def frozen(desk: Desk, run: ReleaseContext) -> None:
    """The release has shut live."""
    act = FencedAct(run.held.generation, LIVE, LEDGER)
    desk.scene.server.shut(LIVE_DB, act, (ROLE,), 1.0)
    run.database.source = LIVE_DB


def cannot_end(desk: Desk) -> None:
    """A release that has shut live fails, and Route 53 refuses the end of its lease."""
    counted(desk)

    def step(run: ReleaseContext) -> NoReturn:
        frozen(desk, run)
        desk.scene.ledgers.weather = [Weather.REFUSED] * 20
        raise ToolError(UNDER_WAY)

    desk.release_does(step)


def cannot_commit(desk: Desk) -> None:
    """A release cannot commit, and cannot read whether it has."""
    counted(desk)

    def step(run: ReleaseContext) -> str:
        frozen(desk, run)
        desk.scene.ledgers.weather = [Weather.NOT_DONE] * 20
        desk.scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")
        run.held.commit(run.deploy, ("10.0.1.51",), LIVE)
        return ""

    desk.release_does(step)


def fair(desk: Desk) -> None:
    """It answers again, and the lease has run out."""
    answers(desk)
    desk.scene.ledgers.weather.clear()
    runs_out(desk)


def ended_twice(act: str) -> Callable[[Desk], None]:
    """Ctrl-C, and a second one at this act of the clean-up."""

    def bring(desk: Desk) -> None:
        leftovers(desk)
        heard_twice(desk)

        def then(now: str) -> None:
            if now.startswith(act):
                desk.scene.acts.then = lambda _: None
                press()

        desk.scene.acts.then = then

    return bring


def heard_twice(desk: Desk) -> None:
    """Two signals are two presses, and what is said at once is seen.

    The world is what it was at that moment: whatever this process does before it ends, it undoes.
    """
    scene = desk.scene

    def leave(code: int) -> NoReturn:
        world = copy.deepcopy((scene.ledgers.zone, scene.heap.held, scene.server.held))

        def stands() -> None:
            scene.ledgers.zone, scene.heap.held, scene.server.held = world

        desk.after_exit = stands
        sys.exit(code)

    desk.patch.setattr(signals, "ONE_PRESS", -1.0)
    desk.patch.setattr(signals, "_write", sys.stderr.write)
    desk.patch.setattr(os, "_exit", leave)


def press() -> None:
    """Ctrl-C twice."""
    try:
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        os.kill(os.getpid(), signal.SIGINT)


def left_at_once(desk: Desk) -> None:
    """A release that has made something, and shut live, is ended by a second Ctrl-C."""
    heard_twice(desk)

    def step(run: ReleaseContext, _: Desk) -> None:
        frozen(desk, run)
        press()

    makes(step)(desk)


def slow(desk: Desk) -> None:
    """Half an hour passes from one resource to the next."""
    leftovers(desk)
    passed = itertools.count(time.monotonic(), 1800.0)
    clock = SimpleNamespace(monotonic=lambda: next(passed))
    desk.patch.setattr(reconciler.cli.scopes.time_limit, "time", clock)


def quick(desk: Desk) -> None:
    """AWS is as quick as ever."""
    desk.patch.setattr(reconciler.cli.scopes.time_limit, "time", time)


def restored_just_now(desk: Desk) -> None:
    """Live is shut, and its database is restored from a backup before the thaw comes."""
    shut(desk)
    server = desk.scene.server

    def then(act: str) -> None:
        if act == f"thaw {LIVE_DB}" and "aside" not in server.held:
            server.rename(LIVE_DB, "aside")
            server.restore("aside", LIVE_DB)

    desk.scene.acts.then = then


def shut_just_now(desk: Desk) -> None:
    """While it leaves, a late order shuts its database."""
    well(desk)

    def then(act: str) -> None:
        if act == f"disown {LIVE_DB}":
            desk.scene.acts.then = lambda _: None
            late = FencedAct(CLEAN.gen + 1, LIVE, LEDGER)
            desk.scene.server.shut(LIVE_DB, late, (ROLE,), 1.0)

    desk.scene.acts.then = then


def hangs(desk: Desk) -> None:
    """Live's machine answers once, and not again."""
    silent(desk)
    scene = desk.scene
    down = scene.reach.down.pop("i-17")

    def then(act: str) -> None:
        if act.startswith("read the asset tag"):
            scene.reach.down["i-17"] = down

    scene.acts.then = then


def thawed(desk: Desk) -> None:
    """It is opened."""
    assert desk.types("deployer thaw shop").code == 0


def restarts(desk: Desk) -> None:
    """Live restarts while its image is made, and with that the end of its hook is gone."""
    counted(desk)
    desk.changes["image"] = {"before": ["true"], "after": ["true"]}
    scene = desk.scene
    create = scene.compute.create_image

    def create_image(order: ImageOrder) -> str:
        made = create(order)
        scene.reach.machine("i-17").boot()
        return made

    desk.patch.setattr(scene.compute, "create_image", create_image)
    desk.release_does(image)


def goes_bad(desk: Desk) -> None:
    """The new release passes its checks no more, soon after it is live."""

    def step(run: ReleaseContext, desk: Desk) -> None:
        machine = desk.scene.reach.machine("i-51", "10.0.1.51")
        run.created.machines = (NewMachine("i-51", "10.0.1.51", machine),)
        goes_live(run, desk)
        machine.write("/srv/bad", "")

    makes(step)(desk)
    desk.changes.update(bake="3s", smoke=[{"command": "test ! -e /srv/bad"}])
    hurried = partial(Backoff, sleep=lambda _: None)
    desk.patch.setattr(deployer.release.live.bake, "Backoff", hurried)


STILL_SHUT, LAST_WORDS = "deployer/release/undo.py::still_shut", "deployer/cli/shared.py::"
CASES = (
    Case(
        "reconciler/aws/deletion.py::_by_others",
        used_elsewhere,
        SWEEP,
        f"{UP} --despite snap-41",
    ),
    Case("reconciler/wiring/service_access.py::", out_of_reach, SWEEP, SWEEP, within_reach),
    Case("reconciler/wiring/edges.py::_not_tried", out_of_reach, SWEEP, SWEEP, within_reach),
    Case(
        "reconciler/output/coverage.py::elsewhere_lines", out_of_reach, SWEEP, SWEEP, within_reach
    ),
    Case(STILL_SHUT, cannot_end, UP, "deployer thaw shop --deployer-is-dead", fair),
    Case(STILL_SHUT, cannot_commit, UP, SWEEP, fair),
    Case(LAST_WORDS, left_at_once, UP, "deployer abort shop"),
    Case(LAST_WORDS, left_at_once, UP, SWEEP, runs_out),
    Case(
        "reconciler/cli/sweep.py::sweep",
        ended_twice("delete"),
        "reconciler sweep",
        "reconciler sweep",
    ),
    Case(
        "reconciler/cli/scopes/time_limit.py::told",
        slow,
        "reconciler sweep --limit 1h",
        "reconciler sweep --limit 1h",
        quick,
    ),
    Case(
        "reconciler/database/identity.py::refuse_doubted",
        restored_just_now,
        "deployer thaw shop",
        NAMES_LIVE,
        later=thawed,
    ),
    Case(
        "reconciler/database/state_comment.py::refuse_shut",
        shut_just_now,
        LEAVE,
        LEAVE,
    ),
    Case(
        "deployer/release/live/image_hooks.py::refuse_let_go",
        restarts,
        UP,
        UP,
        Desk.release_begins,
    ),
    Case("deployer/release/live/bake.py::failure", goes_bad, UP, BACK),
    Case(
        "reconciler/cli/run.py::run",
        ended_twice("delete"),
        "reconciler run --every 1s --full-every 1s --listen 127.0.0.1:0",
        "reconciler sweep",
    ),
    Case("deployer/checks/live_units.py::_ask", hangs, UP, f"{UP} --despite i-17", later=heard),
)
