"""The undo, disturbed: it never opens the wrong database, and never says clean when it is not."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.release.context import ReleaseContext, ReleaseOptions
from deployer.release.lease_terms import LeaseTerms
from deployer.release.undo import settled, undo
from reconciler.errors import AccessDenied, DatabaseError
from reconciler.model import ledger as ledgers
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Cutover, Ending, Live, Previous, Via
from reconciler.util.signals import Interrupted, handled
from tests.fakes.scene import ROLE, Scene
from tests.support.guarded import leased
from tests.support.shop_world import ALL, CLEAN, DEAD, LEDGER, LIVE, NOW, deploy

TERMS = LeaseTerms(timedelta(minutes=10), timedelta(minutes=3), timedelta(hours=2))
ME = deploy(0, "aaaaa")


def under_way(scene: Scene, options: ReleaseOptions | None = None) -> ReleaseContext:
    """A release that has its lease, and has shut the live database."""
    run = leased(scene, options, terms=TERMS)
    run.database.source = LIVE.database_name(LEDGER)
    act = FencedAct(run.held.generation, LIVE, LEDGER)
    scene.server.shut(run.database.source, act, (ROLE,), 1.0)
    return run


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


def another_release_went_live(scene: Scene, other: DeployId) -> None:
    """Our lease ran out, was ended, and `other` was released; its follow-up is done."""
    lease = scene.ledger.lease
    assert lease is not None
    ledger = ledgers.end(scene.ledger, Ending(lease, NOW, operator=True))
    ledger = ledgers.acquire(ledger, other, NOW + timedelta(minutes=10))
    cut = Cutover(other, ("10.0.1.50",), LIVE, NOW)
    scene.ledger = ledgers.commit(ledger, other, cut)
    scene.add_database(other)
    act = FencedAct(scene.ledger.gen, LIVE, LEDGER)
    scene.server.shut(LIVE.database_name(LEDGER), act, (ROLE,), 1.0)


def test_who_slept_through_another_release_opens_nothing(scene: Scene) -> None:
    """The database that we shut is a previous one's now: opened, late clients write into it."""
    run = under_way(scene)
    another_release_went_live(scene, deploy(0, "bbbbb"))
    scene.acts.clear()
    undo(run, "woke up")
    assert f"thaw {LIVE.database_name(LEDGER)}" not in scene.acts


def test_the_live_database_is_opened_by_the_undo(scene: Scene) -> None:
    """The ordinary case, so that the one above means something."""
    run = under_way(scene)
    done = undo(run, "smoke failed")
    assert done.left == ()
    assert f"thaw {LIVE.database_name(LEDGER)}" in scene.acts
    assert not scene.server.is_shut(LIVE.database_name(LEDGER))


def test_the_first_act_of_an_undo_opens_live(scene: Scene) -> None:
    """The lease's end, then the thaw: before anything is looked at.

    Ten seconds after its SIGINT, CI sends SIGKILL.
    """
    run = under_way(scene)
    scene.acts.clear()
    undo(run, "SIGINT")
    words = [one.split()[0] for one in scene.acts]
    first = words[: words.index("thaw") + 1]
    assert first == ["read", "swap", "thaw"]
    assert "scan" in words


def test_a_clean_up_that_breaks_off_says_so(scene: Scene) -> None:
    """Otherwise the error of the clean-up would end as a failure that was cleaned up."""
    run = under_way(scene)
    run.created.launched = ("i-77",)
    scene.compute.failing["instances"] = AccessDenied("the credentials have expired")
    done = undo(run, "smoke failed")
    assert any("expired" in one for one in done.left)


def test_what_is_not_listed_yet_is_not_called_clean(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep that looked too early found nothing: that is no proof."""
    run = under_way(scene)
    monkeypatch.setattr("deployer.release.undo.wait_until_listed", lambda _: False)
    assert any("not everything" in one for one in undo(run, "smoke failed").left)


def test_evidence_kept_while_the_database_stays_shut_is_not_clean(scene: Scene) -> None:
    """`--keep-failed` deletes nothing, but live must take writes again, or be said not to."""
    run = under_way(scene, ReleaseOptions(keep_failed=timedelta(hours=2)))
    scene.server.failing["thaw"] = DatabaseError("the server is restarting")
    done = undo(run, "smoke failed")
    assert done.kept
    assert any(str(LIVE) in one for one in done.left)
    assert scene.ledger == replace(CLEAN, gen=scene.ledger.gen, kept=scene.ledger.kept, lease=None)


def test_a_first_signal_in_the_clean_up_waits_for_its_end(scene: Scene) -> None:
    """A release that failed by itself is being undone when Ctrl-C comes: it ends whole, then so."""
    run = under_way(scene)

    def settle() -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return undo(run, "smoke failed").committed

    with handled(lambda: ""), pytest.raises(Interrupted):
        settled(settle)
    assert scene.ledger.lease is None
    assert not scene.server.is_shut(LIVE.database_name(LEDGER))


def test_a_signal_after_an_unheard_commit_does_not_hide_it() -> None:
    """Live is live: the follow-up goes on, and the end is not called an undo."""

    def settle() -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return True

    with handled(lambda: ""):
        assert settled(settle)


def test_previous_and_live_are_what_the_ledger_says(scene: Scene) -> None:
    """The scene of the first test is the one that it means."""
    under_way(scene)
    other = deploy(0, "bbbbb")
    another_release_went_live(scene, other)
    assert scene.ledger.live == Live(other, ("10.0.1.50",))
    assert scene.ledger.previous[0] == Previous(LIVE, NOW, count=1, via=Via.PRIVATE)
