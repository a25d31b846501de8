"""Abort: an operator ends somebody's lease, and what it made goes at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from deployer.commands.abort import abort, lease_to_abort
from reconciler.errors import LedgerUnknown, Refused
from reconciler.model import ledger as led
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Cutover, Lease
from reconciler.model.tags import Label
from tests.fakes.scene import ROLE, Scene
from tests.support.shop_world import CLEAN, DEAD, LEDGER, LIVE, NOW, deploy, resources

LEASE = Lease(DEAD, NOW + timedelta(minutes=8), "database")
LIVE_DB = LIVE.database_name(LEDGER)


@pytest.fixture(autouse=True)
def under_way(scene: Scene) -> None:
    """A release has its lease, its machines, and the live database shut."""
    scene.ledger = replace(CLEAN, lease=LEASE)
    scene.heap.add(resources(DEAD, "v1.4.9", Label.PENDING, 41)[:-1])
    scene.server.shut(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER), (ROLE,), 1.0)
    scene.acts.clear()


def test_a_release_is_stopped_and_undone(scene: Scene) -> None:
    """Its lease ends, its things go, live takes writes again."""
    _, lease = lease_to_abort(scene.ports())
    result = abort(scene.ports(), lease)
    assert (result.clean, result.ended) == (True, (DEAD,))
    assert "i-41" not in scene.heap.ids
    assert not scene.server.is_shut(LIVE_DB)
    assert scene.did("swap", "thaw", "delete")[0].startswith("swap")


def test_its_holder_may_have_renewed_since_the_question(scene: Scene) -> None:
    """The operator took a while to say yes; the word is about the release, not the minute."""
    _, lease = lease_to_abort(scene.ports())
    scene.ledger = led.renew(scene.ledger, DEAD, NOW + timedelta(minutes=20), "smoke")
    assert abort(scene.ports(), lease).ended == (DEAD,)
    assert "i-41" not in scene.heap.ids


def test_a_release_that_went_live_is_not_called_aborted(scene: Scene) -> None:
    """The commit came between question and answer: nothing of it is deleted."""
    _, lease = lease_to_abort(scene.ports())
    committed = led.commit(scene.ledger, DEAD, Cutover(DEAD, ("10.0.1.41",), LIVE, NOW))
    scene.ledger = committed
    with pytest.raises(Refused, match="went live before"):
        abort(scene.ports(), lease)
    assert "i-41" in scene.heap.ids


def test_another_release_that_has_begun_is_let_alone(scene: Scene) -> None:
    """The word was about one deploy."""
    _, lease = lease_to_abort(scene.ports())
    other = replace(CLEAN, gen=60, lease=replace(LEASE, id=deploy(1, "eeeee")))
    scene.ledger = other
    abort(scene.ports(), lease)
    assert scene.ledger == other


def test_nobodys_lease_cannot_be_aborted(scene: Scene) -> None:
    """Nor another one than was named."""
    with pytest.raises(Refused, match="does not hold"):
        lease_to_abort(scene.ports(), deploy(1, "eeeee"))
    scene.ledger = CLEAN
    with pytest.raises(Refused, match="nobody holds"):
        lease_to_abort(scene.ports())


def test_an_unknown_ledger_is_not_guessed(scene: Scene) -> None:
    """Rule 6 holds for operators too."""
    scene.ledgers.unreadable["shop"] = LedgerUnknown("not a ledger")
    with pytest.raises(Refused, match="is unknown"):
        lease_to_abort(scene.ports())
