"""The first look at night: does it serve, does it take writes, who is at work, what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from deployer.cli.read_only import _code
from deployer.commands.status import ServiceStatus, status
from deployer.commands.thaw import thaw
from deployer.output.status import status_json, status_lines
from deployer.provisioning.live_check import ask_live
from reconciler.cost.price_list import Prices
from reconciler.errors import CannotConnect, DatabaseError
from reconciler.exit_codes import Exit
from reconciler.gc.retention import went_live
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Lease, Ledger, Previous
from reconciler.model.resource import DATABASE
from reconciler.output.plan import plan_lines
from reconciler.plan.circuit_breaker import Cap
from reconciler.plan.service_plan import Plan
from reconciler.ports.fleet import Fleet
from reconciler.sweep.runner import sweep
from tests.fakes.scene import ROLE, Scene
from tests.support.cures import parsed
from tests.support.shop_world import ALL, CLEAN, DEAD, LEDGER, LIVE, NOW, OLD, deploy

LIVE_DB = LIVE.database_name(LEDGER)
FROZEN = timedelta(seconds=90)
"""How long a lease lasts while live is shut, as configured by default."""


def shut(scene: Scene, lease: Lease | None) -> ServiceStatus:
    """The state while live is shut under this lease."""
    scene.ledger = replace(CLEAN, lease=lease)
    act = FencedAct(CLEAN.gen, LIVE, LEDGER)
    scene.server.shut(LIVE_DB, act, (ROLE,), 1.0)
    return status(scene.ports())


def held(seen: timedelta) -> Lease:
    """A lease whose holder last renewed it so long ago, and while live was shut."""
    return Lease(DEAD, NOW - seen + FROZEN, "migrate")


def test_a_service_that_serves(scene: Scene) -> None:
    """One sentence, and exit 0."""
    found = status(scene.ports(), checks=True)
    first = status_lines(found)[0]
    assert first == "shop serves v1.5.0 and takes writes; DNS agrees; checked true on 1 machine"
    assert not found.ill


def test_a_deployer_at_work_is_no_alarm(scene: Scene) -> None:
    """Writes are refused, and whoever does it shows life: said, with the cure, exit 0."""
    found = shut(scene, held(timedelta(seconds=11)))
    lines = status_lines(found)
    assert lines[0].startswith("! shop REFUSES WRITES since ")
    assert lines[0].endswith("; its deployer last showed life 11s ago.")
    assert any("`migrate`" in one and "alive 11s ago" in one for one in lines)
    assert "  If that deployer is dead   deployer thaw shop --deployer-is-dead" in lines
    assert (found.clean, found.ill) == (False, False)


def test_a_silent_deployer_is_an_alarm(scene: Scene) -> None:
    """Two renewals have not come: exit 4, though the lease still runs."""
    found = shut(scene, held(timedelta(seconds=71)))
    assert "last showed life 1m 11s ago" in status_lines(found)[0]
    assert any("SILENT for 1m 11s" in one for one in status_lines(found))
    assert _code(found, asked=False) == Exit.DIRT


@pytest.mark.parametrize("lease", [None, held(timedelta(minutes=9))])
def test_writes_refused_by_nobody(scene: Scene, lease: Lease | None) -> None:
    """The lease has run out, or was ended: `thaw` needs nobody's word."""
    found = shut(scene, lease)
    lines = status_lines(found)
    assert lines[0].endswith("; nobody is at work.")
    assert "  To open it now    deployer thaw shop" in lines
    assert "  To clean up too   reconciler sweep --service shop" in lines
    assert _code(found, asked=False) == Exit.DIRT
    assert status_json(found)["takes_writes"] is False


def test_an_app_that_is_dead(scene: Scene) -> None:
    """Machines run and DNS agrees, and nothing answers: said first, and not exit 0."""
    found = status(scene.ports(smoke=[{"command": "false"}]), checks=True)
    lines = status_lines(found)
    assert lines[0].startswith("! shop DOES NOT ANSWER on v1.5.0: ")
    assert "  To go back        deployer rollback shop" in lines
    assert _code(found, asked=False) == Exit.DIRT
    assert _code(status(scene.ports()), asked=False) == Exit.DONE  # --no-checks


def test_a_place_without_a_route_to_the_machines(scene: Scene) -> None:
    """No connection from here: it hangs, or there is no route. Neither `serves` nor `dead`."""
    scene.reach.down["i-17"] = CannotConnect("no answer from 10.0.1.17:22", kind="no-route")
    found = status(scene.ports(smoke=[{"command": "true"}]), checks=True)
    lines = status_lines(found)
    assert lines[0].startswith("! shop CANNOT BE REACHED from here on v1.5.0: no answer from")
    assert any(line.endswith("deployer status shop --no-checks") for line in lines)
    assert _code(found, asked=False) == Exit.DIRT
    assert status_json(found)["answers"] is None


def test_a_machine_that_hangs_is_not_waited_for(scene: Scene) -> None:
    """The limit is one for all checks: whoever looks at night gets an answer."""
    over = threading.Event()
    scene.acts.then = lambda _: over.wait(10)
    [machine] = [one for one in ALL if one.id == "i-17"]
    try:
        answer = ask_live(scene.ports(), ("10.0.1.17",), [machine], limit=0.05)
    finally:
        over.set()
    assert answer.fault.startswith("no answer within")


def test_a_plan_does_not_call_that_clean(scene: Scene) -> None:
    """Nothing may be done while the lease runs, and that is not `clean`."""
    found = shut(scene, held(timedelta(seconds=11)))
    text = "\n".join(plan_lines(Plan((found.service_plan,)), Cap(), Prices()))
    assert "shop REFUSES WRITES since" in text
    assert "deployer thaw shop --deployer-is-dead" in text
    assert "clean" not in text
    assert "nothing to do" not in text


def test_when_it_went_live() -> None:
    """When the one before it was retired; unknown where that one is not in the ledger any more."""
    new, at = deploy(30, "new00"), NOW - timedelta(minutes=25)
    assert went_live(new, [Previous(LIVE, at)]) == at
    assert went_live(LIVE, [Previous(new, at, rejected=True)]) == at  # a rollback
    assert went_live(new, []) is None
    assert went_live(new, [Previous(OLD, LIVE.born)]) is None  # retired before it was born
    assert went_live(OLD, [Previous(LIVE, at)]) is None  # the rejected one is forgotten


def test_the_ledger_that_is_read_is_the_scenes(scene: Scene) -> None:
    """The clean world is clean: what the other tests say comes from what they changed."""
    assert isinstance(scene.ledger, Ledger)
    assert status(scene.ports()).clean


def silent(scene: Scene) -> None:
    """A deployer died while live was shut, and its lease still runs."""
    shut(scene, held(timedelta(seconds=71)))


def run_out(scene: Scene) -> None:
    """The same when its lease has run out."""
    shut(scene, held(timedelta(minutes=9)))


def nobodys(scene: Scene) -> None:
    """Somebody ended the lease, and live was not opened."""
    shut(scene, None)


def dirty(scene: Scene) -> None:
    """A dead release left things, and its lease is gone."""
    scene.heap.add(one for one in ALL if one.deploy == DEAD and one.kind != DATABASE)


CURES: dict[str, Callable[[Scene], object]] = {
    "deployer thaw shop --deployer-is-dead": lambda scene: thaw(
        scene.ports(), deployer_is_dead=True
    ),
    "deployer thaw shop": lambda scene: thaw(scene.ports()),
    "reconciler sweep --service shop": lambda scene: sweep(Fleet.of(scene.managed)),
}
"""What each command of the verdict does, by its line as it is pasted."""


@pytest.mark.parametrize("state", [silent, run_out, nobodys, dirty])
def test_the_pasted_cure_helps(scene: Scene, state: Callable[[Scene], None]) -> None:
    """The commands of each state, taken from the text and run: then the cause is another."""
    state(scene)
    before = status_lines(status(scene.ports()))
    pasted = [cure for cure in CURES if any(line.endswith(f"  {cure}") for line in before)]
    assert pasted
    for cure in pasted:
        parsed(cure)
        CURES[cure](scene)
    after = status(scene.ports())
    assert not after.ill
    assert status_lines(after)[0].startswith("shop serves v1.5.0 and takes writes; DNS agrees")
    left = status_lines(after)
    assert not [cure for cure in pasted if any(line.endswith(f"  {cure}") for line in left)]


def test_a_record_that_was_moved_is_an_alarm(scene: Scene) -> None:
    """Clients go elsewhere: exit 4, and the first way out is to put it back."""
    scene.ledgers.point(scene.address, "10.0.9.9")
    found = status(scene.ports(), checks=True)
    lines = status_lines(found)
    assert lines[0].startswith("! clients of shop may not reach v1.5.0: the A record says 10.0.9.9")
    [back] = [one for one in lines if "To put it back" in one]
    assert back.endswith(f" an A record of {CLEAN.live.at[0] if CLEAN.live else ''}")
    assert _code(found, asked=False) == Exit.DIRT


def test_a_database_server_that_is_away_leaves_writes_unknown(scene: Scene) -> None:
    """The app may answer all the same; what is unknown is never exit 0."""
    scene.server.failing["databases"] = DatabaseError("cannot connect to 10.0.0.5:5432")
    found = status(scene.ports(), checks=True)
    assert status_lines(found)[0] == (
        "! shop serves v1.5.0, but whether it takes writes is unknown: "
        "cannot connect to 10.0.0.5:5432"
    )
    assert status_json(found)["takes_writes"] is None
    assert _code(found, asked=False) == Exit.DIRT


def test_a_machine_that_people_stopped_is_started_again(scene: Scene) -> None:
    """The command names it: there may be nothing to go back to."""
    scene.heap.change("i-17", state="stopped")
    lines = status_lines(status(scene.ports(), checks=True))
    assert lines[0] == "! shop DOES NOT ANSWER on v1.5.0: none of its machines is running"
    assert any(one.endswith("aws ec2 start-instances --instance-ids i-17") for one in lines)
