"""Attacks on what is done to live: the freeze and its end (docs/attacks-live.md, 9–15)."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from deployer.commands.rollback.command import rollback
from deployer.commands.thaw import thaw
from deployer.release.clock import elapsed
from deployer.release.context import Freeze, NewMachine, ReleaseContext
from deployer.release.steps.commit import commit
from deployer.release.undo import undo
from reconciler.errors import CloudError, Refused, ToolError
from reconciler.model import ledger as ledgers
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Ending
from reconciler.plan.service_plan import SweepRequest
from reconciler.util.signals import Interrupted, handled
from tests.fakes.ledgers import Weather
from tests.fakes.scene import ROLE, Scene
from tests.support.shop_world import DEAD, LEDGER, LIVE, NOW, OLD
from tests.unit.deployer.release.steps.test_safety import ME
from tests.unit.deployer.release.test_undo_disturbed import under_way

LIVE_DB = LIVE.database_name(LEDGER)


@pytest.mark.parametrize("cut", [Interrupted(signal.SIGINT), ToolError("connection lost")])
def test_9_a_freeze_that_was_never_heard_of_is_undone(scene: Scene, cut: BaseException) -> None:
    """The signal comes between the COMMIT of the freeze and its answer."""
    run = under_way(scene)
    shut = scene.server.shut

    def unheard(*words: Any) -> None:
        shut(*words)
        raise cut

    scene.server.shut = unheard  # type: ignore[method-assign,assignment]
    act = FencedAct(run.held.generation, LIVE, LEDGER)
    with pytest.raises(type(cut)):
        scene.server.shut(LIVE_DB, act, (ROLE,), 1.0)
    assert undo(run, str(cut)).left == ()
    assert not scene.server.is_shut(LIVE_DB)


def test_9_a_freeze_that_lands_after_the_undo_is_refused(scene: Scene) -> None:
    """It was waiting for writers at the server when we gave up."""
    run = under_way(scene)
    act = FencedAct(run.held.generation, LIVE, LEDGER)
    undo(run, "SIGINT")
    with pytest.raises(ToolError):
        scene.server.shut(LIVE_DB, act, (ROLE,), 1.0)
    assert not scene.server.is_shut(LIVE_DB)


def test_10_with_route_53_away_it_is_said_that_live_is_shut(scene: Scene) -> None:
    """The lease cannot be ended, so nothing is thawed: that, and the cure, is what to say."""
    run = under_way(scene)
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")
    left = "\n".join(undo(run, "SIGINT").left)
    assert scene.server.is_shut(LIVE_DB)
    assert LIVE_DB in left
    assert "deployer thaw shop --deployer-is-dead" in left


def test_11_a_signal_while_the_commit_is_on_its_way(scene: Scene) -> None:
    """The swap lands, nobody hears of it, and Ctrl-C is pressed: live is live, old stays shut."""
    run = under_way(scene)
    scene.ledgers.meddlers.append(lambda: os.kill(os.getpid(), signal.SIGINT))
    scene.ledgers.weather.append(Weather.DONE_UNHEARD)
    with handled(lambda: ""), pytest.raises((ToolError, Interrupted)):
        run.held.commit(ME, ("10.0.1.50",), LIVE)
    scene.acts.clear()
    assert undo(run, "SIGINT").committed
    assert not scene.did("thaw", "delete", "drop")
    assert scene.server.is_shut(LIVE_DB)


def test_12_an_hour_of_sleep_counts(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop sleeps in the freeze: the monotonic clock stood still, the clients waited."""
    run = frozen(scene)
    boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    monkeypatch.setattr("time.clock_gettime", lambda _: boot + 3600)
    with pytest.raises(ToolError, match="had refused writes for max_freeze"):
        commit(run)
    run.thawed(cut_over=False)
    assert run.database.frozen_seconds is not None
    assert run.database.frozen_seconds >= 3600


def frozen(scene: Scene) -> ReleaseContext:
    """A release that has shut live, and is about to commit."""
    run = under_way(scene)
    run.database.name = scene.add_database(ME)
    run.created.machines = (NewMachine("i-50", "10.0.1.50", scene.reach.machine("i-17")),)
    run.database.freeze = Freeze(LIVE_DB, elapsed(), 300.0, scene.server.schema_digest(LIVE_DB))
    return run


def test_13_only_the_ledgers_clock_counts(scene: Scene) -> None:
    """The ledger's clock stands in November 2026, ours wherever it is."""
    run = under_way(scene)
    run.held.shorten()
    lease = scene.ledger.lease
    assert lease is not None
    assert timedelta(seconds=88) < lease.until - NOW <= timedelta(seconds=90)
    assert scene.plan().services[0].end is None
    scene.ledgers.now = NOW + timedelta(seconds=95)
    assert scene.plan().services[0].end is not None


def test_14_a_late_undo_opens_nothing_under_another(scene: Scene) -> None:
    """A is aborted while it sleeps, B freezes at once; then A awakes and undoes."""
    run = under_way(scene)
    lease = scene.ledger.lease
    assert lease is not None
    scene.sweep(SweepRequest(only=ME, end_lease=lease, operator=True))
    assert not scene.server.is_shut(LIVE_DB)
    scene.ledger = ledgers.acquire(scene.ledger, DEAD, NOW + timedelta(minutes=1))
    act = FencedAct(scene.ledger.gen, LIVE, LEDGER)
    scene.server.shut(LIVE_DB, act, (ROLE,), 1.0)
    scene.acts.clear()
    undo(run, "awoke")
    assert scene.server.is_shut(LIVE_DB)
    assert not scene.did("thaw", "swap")


def test_14_a_late_thaw_is_refused_under_another(scene: Scene) -> None:
    """A looked at the ledger while nobody had the lease; its thaw comes when B has frozen."""
    run = under_way(scene)
    lease = scene.ledger.lease
    assert lease is not None
    late = FencedAct(ledgers.end(scene.ledger, Ending(lease, NOW, mine=ME)).gen, LIVE, LEDGER)
    undo(run, "aborted")
    scene.ledger = ledgers.acquire(scene.ledger, DEAD, NOW + timedelta(minutes=1))
    scene.server.shut(LIVE_DB, FencedAct(scene.ledger.gen, LIVE, LEDGER), (ROLE,), 1.0)
    with pytest.raises(ToolError):
        scene.server.thaw(LIVE_DB, late)


def test_15_the_cure_for_the_dead_stops_the_living(scene: Scene) -> None:
    """`thaw --deployer-is-dead` while the deployer lives: it must not commit any more."""
    run = frozen(scene)
    assert thaw(scene.ports(), deployer_is_dead=True) == LIVE_DB
    with pytest.raises(ToolError):
        commit(run)
    assert scene.ledger.live is not None
    assert scene.ledger.live.id == LIVE


def test_15_the_cure_without_a_ledger_stops_the_living(scene: Scene) -> None:
    """The operator's Route 53 is away, the deployer's is not: its last look sees the thaw."""
    run = frozen(scene)
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")
    assert thaw(scene.ports(), deployer_is_dead=True) == LIVE_DB
    del scene.ledgers.unreadable["shop"]
    with pytest.raises(ToolError, match="takes writes again"):
        commit(run)
    assert replace(scene.ledger, lease=None).live == scene.ledger.live


def test_15_the_cure_is_not_offered_once_a_commit_was_asked_for(scene: Scene) -> None:
    """Whether it was made, nobody can tell: opening live's database may open a previous one's."""
    run = frozen(scene)
    scene.ledgers.weather.append(Weather.LATE)
    with pytest.raises(ToolError):
        run.held.commit(ME, run.addresses, LIVE)
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")
    left = "\n".join(undo(run, "no answer").left)
    assert "--deployer-is-dead" not in left
    assert "reconciler sweep --service shop" in left


class _Killed(BaseException):
    """What no handler sees: SIGKILL."""


def test_15_the_cure_after_a_rollback_opens_no_previous_database(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback was committed and died at once; Route 53 is away, and labels come last.

    What they call live was left: late clients' writes in its database would be in no release.
    """

    def killed(_: object) -> None:
        raise _Killed

    scene.server.record_baseline(LIVE_DB, FencedAct(3, LIVE, LEDGER))
    monkeypatch.setattr("deployer.commands.rollback.command._after", killed)
    with pytest.raises(_Killed):
        rollback(scene.ports(), discard_writes=True)
    assert scene.ledger.live is not None
    assert scene.ledger.live.id == OLD
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")
    with pytest.raises(Refused, match="rolled back to"):
        thaw(scene.ports(), deployer_is_dead=True)
    assert scene.server.is_shut(LIVE_DB)
