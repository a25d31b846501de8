"""A service comes under the ledger, leaves it, is closed, or goes elsewhere."""

from __future__ import annotations

import signal
from dataclasses import replace

from reconciler.errors import AccessDenied, ToolError
from reconciler.machine.activation_gate import LIST
from reconciler.model import ledger as ledgers
from reconciler.model import tags as t
from reconciler.model.ledger import Cutover, Lease, LedgerHome
from reconciler.model.resource import RDS_INSTANCE
from reconciler.model.tags import Label
from reconciler.util.signals import Interrupted
from tests.cures.case import Case
from tests.cures.desk import Desk, www_gone, www_names
from tests.cures.lease import RUNS, at_work, counted, ends
from tests.cures.ledger import (
    LIVE_AT,
    MACHINE,
    RETIRE,
    STRANGE,
    by_hand,
    here,
    other_zone,
    placed,
    unpointed,
)
from tests.fakes.scene import Scene
from tests.support.gated_live import KEY, gated
from tests.support.shop_world import CLEAN, DEAD, LIVE, NOW, OLD, PLACE, more_things

UP, ADOPT, LEAVE = "deployer up shop", "deployer adopt shop", "deployer leave shop"
IMAGE = "ami-0123456789abcdef0"


def first_day(desk: Desk) -> None:
    """One machine that people made, at the record; no ledger."""
    desk.scene = Scene(desk.root / "day", ())
    desk.scene.ledgers.zone.texts.clear()
    desk.scene.ledgers.point(desk.scene.address, STRANGE)
    by_hand(desk)


def nothing_there(desk: Desk) -> None:
    """Not even a record: a first release makes everything, from an image."""
    first_day(desk)
    desk.scene.heap.held.clear()
    desk.scene.ledgers.point(desk.scene.address)
    desk.changes["instance"] = {
        "image": "ami-0123456789abcdef0",
        "type": "t3.small",
        "subnets": ["subnet-1"],
    }


def half_adopted(desk: Desk) -> None:
    """The ledger is written, the tags are denied."""
    first_day(desk)
    desk.scene.compute.failing["tag"] = AccessDenied("ec2:CreateTags is denied")


def allowed(desk: Desk) -> None:
    """Whoever may has granted what was missing."""
    desk.scene.compute.failing.clear()


def in_a_group(desk: Desk) -> None:
    """The machine is a member of an Auto Scaling group."""
    first_day(desk)
    desk.scene.heap.change(MACHINE.id, tags={"aws:autoscaling:groupName": "web"})


def detached(desk: Desk) -> None:
    """It is taken out of the group."""
    desk.scene.heap.untag(MACHINE.id, ["aws:autoscaling:groupName"])


def adopted(desk: Desk) -> None:
    """It is under the ledger."""
    first_day(desk)
    assert desk.types(ADOPT).code == 0


def adopted_at_work(desk: Desk) -> None:
    """It is adopted once more while a release is at work."""
    adopted(desk)
    desk.scene.ledger = replace(desk.scene.ledger, lease=Lease(DEAD, RUNS, "launch"))


def pushed_out(desk: Desk) -> None:
    """Adopted, and by now no release any more; nobody is live."""
    adopted(desk)
    unpointed(desk)
    desk.scene.heap.change(MACHINE.id, tags={t.STATE: "left"}, type="t3.micro")
    desk.scene.ledger = replace(desk.scene.ledger, live=None)


def well(desk: Desk) -> None:
    """Live has its gate, and its units are enabled and run."""
    counted(desk)
    scene = desk.scene
    machine = gated(scene)
    scene.connector.keys[LIVE_AT] = KEY
    scene.connector.at[LIVE_AT] = machine


def left(desk: Desk) -> None:
    """The service has left."""
    well(desk)
    assert desk.types(LEAVE).code == 0


def half_left(desk: Desk) -> None:
    """It has left by the ledger, and its tags could not be taken off."""
    well(desk)
    desk.scene.compute.failing["untag"] = ToolError("denied")
    assert desk.types(LEAVE).code != 0
    allowed(desk)


def may_not_untag(desk: Desk) -> None:
    """Its tags cannot be taken off."""
    well(desk)
    desk.scene.compute.failing["untag"] = ToolError("denied")


def leaves_at_work(desk: Desk) -> None:
    """A release is at work."""
    well(desk)
    desk.scene.ledger = replace(CLEAN, lease=Lease(DEAD, RUNS, "launch"))


def unfinished(desk: Desk) -> None:
    """The follow-up of the last release was not finished."""
    well(desk)
    desk.scene.heap.change("i-17", tags={t.STATE: "pending"})


def disabled(desk: Desk) -> None:
    """A unit would not start at a boot."""
    well(desk)
    desk.scene.reach.machine("i-17").path("/units/shop.service.enabled").unlink()


def others_unit(desk: Desk) -> None:
    """Another service's unit is on live, and only our gate keeps it from starting."""
    well(desk)
    machine = desk.scene.reach.machine("i-17")
    machine.write(LIST, machine.path(LIST).read_text() + "other crm.service\n")
    machine.write("/etc/systemd/system/crm.service", "[Service]\n")


def unit_removed(desk: Desk) -> None:
    """Its unit file is deleted."""
    desk.scene.reach.machine("i-17").path("/etc/systemd/system/crm.service").unlink()


def unrecorded(desk: Desk) -> None:
    """Clean, and the A record was removed by people who mean it."""
    counted(desk)
    unpointed(desk)


def still_named(desk: Desk) -> None:
    """The record is gone, and another name leads to live."""
    unrecorded(desk)
    www_names(desk, LIVE_AT)


def retired_at_work(desk: Desk) -> None:
    """The record is gone, and a release is at work."""
    at_work(desk)
    unpointed(desk)


def moving_at_work(desk: Desk) -> None:
    """A release is at work under the old record."""
    other_zone(desk)
    desk.scene.ledger = replace(desk.scene.ledger, lease=Lease(DEAD, RUNS, "launch"))


def moving_nobody(desk: Desk) -> None:
    """Nobody is live under the old record: the service is closed."""
    unrecorded(desk)
    assert desk.types(RETIRE).code == 0
    home = LedgerHome("shop.example.com", PLACE.account, PLACE.region)
    desk.scene.ledger = replace(desk.scene.ledger, home=home)
    placed(desk, "www.example.com")


def reopened(desk: Desk) -> None:
    """The configuration names the old record, which is made again."""
    here(desk)
    desk.scene.ledgers.point(desk.scene.address, LIVE_AT)


def overtaken(desk: Desk) -> None:
    """The release goes live in the moment in which somebody aborts it."""
    at_work(desk)
    scene, held = desk.scene, desk.scene.ledger
    cut = Cutover(DEAD, ("10.0.1.41",), LIVE, NOW)
    scene.ledgers.meddlers.append(lambda: setattr(scene, "ledger", ledgers.commit(held, DEAD, cut)))


def in_rds(desk: Desk) -> None:
    """A hook of the live release has made a database in RDS, with our tags."""
    well(desk)
    every = more_things(LIVE, "v1.5.0", Label.LIVE, 17)
    desk.scene.heap.add(one for one in every if one.kind == RDS_INSTANCE)


def tags_off(desk: Desk) -> None:
    """Its tags are removed by hand."""
    for key in [key for key in desk.scene.heap.held if key[0] == RDS_INSTANCE]:
        del desk.scene.heap.held[key]


def interrupted(desk: Desk) -> None:
    """A signal comes right after the swap that closes it."""
    unrecorded(desk)

    def stop(act: str) -> None:
        if act.startswith("shut"):
            desk.scene.acts.then = lambda _: None
            raise Interrupted(signal.SIGTERM)

    desk.scene.acts.then = stop


def moving_without_ledger(desk: Desk) -> None:
    """Its ledger in the old zone is lost."""
    other_zone(desk)
    desk.scene.ledgers.zone.texts.clear()


WHO = "deployer/commands/recover/who_is_live.py::"
EXPLAIN = "reconciler/output/explain.py"
HOLD = "deployer/commands/leave/checks.py::"
MOVE = "deployer/commands/move/command.py::"
LET_GO = "deployer retire {adopted}"
RETIRING = "deployer/commands/retire.py::"
CASES = (
    Case("deployer/checks/refusals.py::no_ledger", first_day, UP, ADOPT),
    Case("deployer/output/verdict.py::_nobody", first_day, "deployer status shop", ADOPT),
    Case("deployer/output/verdict.py::_nobody", nothing_there, "deployer status shop", UP),
    Case("deployer/checks/service_state.py::known", nothing_there, "deployer thaw shop", UP),
    Case("deployer/commands/adopt.py::_nothing", nothing_there, ADOPT, UP),
    Case("deployer/commands/adopt.py::_readable", adopted_at_work, ADOPT, ADOPT, ends),
    Case("deployer/commands/adopt.py::adopt", half_adopted, ADOPT, ADOPT, allowed),
    Case("deployer/commands/adopt.py::_adoption", in_a_group, ADOPT, ADOPT, detached),
    Case("deployer/cli/main.py::adopt", first_day, ADOPT, UP),
    Case(
        "deployer/commands/adopt.py::nobody_compared",
        first_day,
        f"{ADOPT} --yes",
        f"{ADOPT} --yes --trust-shown-key",
    ),
    Case("deployer/checks/refusals.py::gone", left, UP, ADOPT),
    Case("deployer/checks/refusals.py::gone", half_left, UP, LEAVE),
    Case("deployer/commands/leave/comeback.py::deploy_of", half_left, ADOPT, LEAVE),
    Case("deployer/commands/leave/command.py::leave", may_not_untag, LEAVE, LEAVE, allowed),
    Case("deployer/cli/leave.py::_answer", well, LEAVE, ADOPT),
    Case("deployer/cli/leave.py::_answer", well, LEAVE, "reconciler sweep --service shop"),
    Case(f"{HOLD}refuse_unsettled", leaves_at_work, LEAVE, LEAVE, ends),
    Case(f"{HOLD}refuse_unsettled", unfinished, LEAVE, "reconciler sweep --service shop"),
    Case(f"{HOLD}_refuse_state", disabled, LEAVE, f"{LEAVE} --despite shop.service"),
    Case(f"{HOLD}_refuse_state", others_unit, LEAVE, f"{LEAVE} --despite crm.service"),
    Case(f"{HOLD}_refuse_state", others_unit, LEAVE, LEAVE, unit_removed),
    Case(
        "reconciler/output/let_go.py::let_go_lines",
        pushed_out,
        "deployer status shop",
        "deployer retire {adopted}",
    ),
    Case(
        "reconciler/output/explain.py::would_change",
        pushed_out,
        f"reconciler explain {MACHINE.id}",
        "deployer retire {adopted}",
    ),
    Case(f"{RETIRING}_named", unrecorded, f"deployer retire shop --nobody-live {OLD}", RETIRE),
    Case(f"{RETIRING}_refuse_served", still_named, RETIRE, RETIRE, www_gone),
    Case(f"{RETIRING}retire", retired_at_work, RETIRE, RETIRE, ends),
    Case(
        "deployer/commands/abort.py::abort",
        overtaken,
        "deployer abort shop",
        "deployer rollback shop",
    ),
    Case(f"{HOLD}resources_of", in_rds, LEAVE, LEAVE, tags_off),
    Case(f"{RETIRING}retire", interrupted, RETIRE, "reconciler sweep --service shop"),
    Case(f"{MOVE}_old_address", first_day, "deployer move shop", ADOPT),
    Case(f"{MOVE}_reopen", moving_nobody, "deployer move shop", "deployer recover shop", reopened),
    Case(f"{WHO}refuse_nothing", nothing_there, "deployer recover shop", UP),
    Case("reconciler/output/explain.py::", half_left, "reconciler explain i-17", LEAVE),
    Case(
        "reconciler/output/explain.py::", at_work, "reconciler explain i-41", "deployer abort shop"
    ),
    Case(f"{MOVE}_live", moving_at_work, "deployer move shop", "deployer abort shop", here),
    Case(
        f"{MOVE}_elsewhere",
        moving_without_ledger,
        "deployer move shop",
        "deployer recover shop",
        here,
    ),
)
