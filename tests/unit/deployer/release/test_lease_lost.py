"""A lost lease: who waits learns of it, and nothing is done in its name any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from deployer import events as e
from deployer.commands.rollback.command import rollback
from deployer.release import lease_holder as leases
from deployer.release.context import NewMachine, ReleaseContext
from deployer.release.lease_terms import LeaseLost
from deployer.release.steps.connect import connect
from deployer.release.steps.image import image
from deployer.release.steps.launch import launch
from deployer.release.steps.smoke import smoke
from deployer.release.undo import undo
from reconciler.errors import AccessDenied, CloudError, LedgerUnknown, ToolError
from reconciler.model import ledger as led
from reconciler.model.ledger import Ending
from reconciler.model.resource import IMAGE
from reconciler.sweep import absence as gone
from tests.fakes.scene import Scene
from tests.support.guarded import leased
from tests.support.lease_ledger import OTHER, QUICK, Book
from tests.support.shop_world import CLEAN, NOW

Step = Callable[[ReleaseContext], str]

CONFIGURED: dict[str, Any] = {
    "limits": {"image": "1m", "boot": "1m", "connect": "1m"},
    "smoke": [{"command": "false", "tries": 2, "every": "20ms"}],
}


def begun(scene: Scene) -> ReleaseContext:
    """A release that has passed its guard and holds its lease; no thread renews that meanwhile."""
    return leased(scene, **CONFIGURED)


def abort(scene: Scene) -> None:
    """An operator ends the lease that is held."""
    held = scene.ledger.lease
    assert held is not None
    scene.ledger = led.end(scene.ledger, Ending(held, NOW, operator=True))


def deregister(scene: Scene, run: ReleaseContext) -> None:
    """Its image is no more."""
    scene.heap.held.pop((IMAGE, run.created.image), None)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits ask for the lease all the time."""
    monkeypatch.setattr(leases, "WATCH", 0.001)


# The waits of the steps.


def waiting_for_the_image(scene: Scene, _: ReleaseContext) -> Step:
    """It stays pending."""
    scene.compute.image_state = "pending"
    return image


def waiting_for_the_machine(scene: Scene, run: ReleaseContext) -> Step:
    """It stays pending."""
    image(run)
    scene.compute.booting = True
    return launch


def waiting_for_ssh(_: Scene, run: ReleaseContext) -> Step:
    """Nobody answers at its address."""
    image(run)
    launch(run)
    return connect


def waiting_for_the_app(scene: Scene, run: ReleaseContext) -> Step:
    """Its check fails."""
    run.created.machines = (NewMachine("i-101", "10.0.2.101", scene.reach.machine("i-101")),)
    return smoke


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize(
    "until",
    [waiting_for_the_image, waiting_for_the_machine, waiting_for_ssh, waiting_for_the_app],
)
def test_an_abort_ends_a_steps_wait(
    scene: Scene, until: Callable[[Scene, ReleaseContext], Step]
) -> None:
    """The step says that its lease was ended, not what it would have waited for in vain."""
    run = begun(scene)
    step = until(scene, run)
    abort(scene)
    with pytest.raises(LeaseLost, match="ended by an operator"):
        step(run)


@pytest.mark.usefixtures("watched")
def test_an_abort_ends_a_rollbacks_wait(scene: Scene) -> None:
    """The older release is being smoke-tested."""

    def meddle(act: str) -> None:
        if act.startswith("check") and scene.ledger.lease is not None:
            abort(scene)

    scene.acts.then = meddle
    with pytest.raises(LeaseLost, match="ended by an operator"):
        rollback(scene.ports(**CONFIGURED), discard_writes=True)


def test_an_abort_explains_an_image_that_went(scene: Scene) -> None:
    """Its sweep has removed what is waited for: the ledger is asked at once."""
    run = begun(scene)
    scene.compute.image_state = "pending"

    def swept(_: object) -> None:
        abort(scene)
        deregister(scene, run)

    run = replace(run, emit=swept)
    with pytest.raises(LeaseLost, match="ended by an operator"):
        image(run)


def test_an_abort_explains_a_machine_that_ended(scene: Scene) -> None:
    """The same for a terminated one."""
    run = begun(scene)
    image(run)
    scene.compute.booting = True

    def swept(_: object) -> None:
        if run.created.launched:  # not at the notes of what it will cost
            abort(scene)
            scene.heap.change(run.created.launched[0], state="shutting-down")

    run = replace(run, emit=swept)
    with pytest.raises(LeaseLost, match="ended by an operator"):
        launch(run)


def test_an_image_that_somebody_deregistered_is_not_waited_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease is ours: the error names what happened, and the undo finds nothing to wait for."""
    monkeypatch.setattr(gone, "AGREED", 0.05)
    run = begun(scene)
    scene.compute.image_state = "pending"

    def seen(event: e.Event) -> None:
        if isinstance(event, e.StepProgress):  # it has been seen, and is gone then
            deregister(scene, run)

    run = replace(run, emit=seen)
    with pytest.raises(CloudError, match="was deregistered before it was available"):
        image(run)
    assert undo(replace(run, emit=e.ignore), "no image").left == ()


# The lease itself.


def test_a_short_sleep_asks_nobody(book: Book) -> None:
    """The ledger was heard of a moment ago."""
    lease = book.taken()
    before = len(book.store.acts)
    lease.sleep(0.01)
    assert len(book.store.acts) == before


@pytest.mark.usefixtures("watched")
def test_a_long_sleep_asks_now_and_then(book: Book) -> None:
    """And changes nothing: it reads."""
    lease = book.taken()
    before, gen = book.store.acts.count("read shop"), book.stands.gen
    lease.sleep(0.02)
    assert book.store.acts.count("read shop") > before
    assert book.stands.gen == gen


def test_a_loss_that_the_thread_found_wakes_who_sleeps(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before the sleep would have ended, or asked by itself."""
    monkeypatch.setattr(leases, "WATCH", 3600.0)
    lease = book.taken(QUICK)
    book.abort()
    with pytest.raises(LeaseLost):
        lease.sleep(3600)


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("error", [CloudError("no answer"), AccessDenied("expired")])
def test_a_ledger_out_of_reach_ends_no_wait(book: Book, error: ToolError) -> None:
    """The lease still runs; the next look may do."""
    lease = book.taken()
    book.store.unreadable["shop"] = error
    lease.sleep(0.02)
    lease.verify()
    book.abort()
    del book.store.unreadable["shop"]
    with pytest.raises(LeaseLost):
        lease.verify()


def test_an_unknown_ledger_is_a_lost_lease(book: Book) -> None:
    """Unknown is not mine."""
    lease = book.taken()
    book.store.unreadable["shop"] = LedgerUnknown("not a ledger")
    with pytest.raises(LeaseLost, match="not a ledger"):
        lease.verify()


def test_rule_10_a_lost_lease_justifies_no_act(book: Book) -> None:
    """The generation read now is that of who ended it: with it a late freeze would be obeyed."""
    lease = book.taken()
    assert lease.generation == CLEAN.gen + 1
    book.abort()
    book.lease(OTHER).acquire()
    with pytest.raises(LeaseLost):
        lease.verify()
    with pytest.raises(LeaseLost):
        _ = lease.generation


def test_a_lease_given_up_is_asked_for_no_more(book: Book) -> None:
    """A thread that still waits for a machine while the undo goes on changes nothing of it."""
    lease = book.taken()
    assert lease.end()
    book.lease(OTHER).acquire()
    before = lease.ledger
    lease.verify()
    assert lease.ledger == before
