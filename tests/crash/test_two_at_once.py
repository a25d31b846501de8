"""Two people release at the same time, and somebody stops a release of somebody else's."""

from __future__ import annotations

import signal

import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import NEW, Shop, release_id

pytestmark = pytest.mark.timeout(300)

NEWER = "v1.7.0"


def test_one_of_two_wins(shop: Shop) -> None:
    """Started together: one releases; the other refuses, names it, and has done nothing."""
    before = shop.before()
    with shop.releasing(NEW) as one, shop.releasing(NEWER) as other:
        done = [one.finish(), other.finish()]
    assert sorted(each.code for each in done) == [Exit.DONE, Exit.REFUSED], done
    winner, loser = sorted(done, key=lambda each: each.code)
    told = loser.events[-1]
    assert release_id(winner) in f"{told['message']} {told['detail']}", told
    assert "deployer status shop" in told["cure"] or "--wait" in told["cure"], told
    shop.assert_released(NEW if winner is done[0] else NEWER)
    shop.assert_one_release_more(before)
    shop.assert_clean()


def test_who_comes_later_is_told_by_whom_and_where(shop: Shop) -> None:
    """A release is under way: refused with its id, its step, who it is, and the two cures."""
    before = shop.before()
    with shop.releasing() as release:
        release.wait_for_step("image")
        refused = shop.deployer("up", "shop", "--ref", NEWER)
        done = release.finish()
    assert done.code == Exit.DONE, done
    assert refused.code == Exit.REFUSED, refused
    assert release_id(done) in refused.err
    assert "deployer up shop --wait" in refused.err
    assert "deployer abort shop" in refused.err
    shop.assert_released()
    shop.assert_one_release_more(before)


def test_who_waits_goes_on_afterwards(shop: Shop) -> None:
    """With --wait the second release follows the first."""
    with shop.releasing(NEW) as first:
        first.wait_for_step("launch")
        with shop.releasing(NEWER, "--wait", "3m") as second:
            second.wait_for("step-note", step="guard")
            done = first.finish()
            then = second.finish()
    assert (done.code, then.code) == (Exit.DONE, Exit.DONE), (done, then)
    shop.assert_released(NEWER)
    assert f"previous={release_id(done)}" in shop.ledger()
    shop.assert_clean()


def test_who_waits_for_a_failure_goes_on_from_what_was(shop: Shop) -> None:
    """The first is stopped; the second finds everything clean and releases."""
    before = shop.before()
    with shop.releasing(NEW) as first:
        first.wait_for_step("launch")
        with shop.releasing(NEWER, "--wait", "3m") as second:
            second.wait_for("step-note", step="guard")
            first.send(signal.SIGTERM)
            assert first.finish().code == 128 + signal.SIGTERM
            done = second.finish()
    assert done.code == Exit.DONE, done
    shop.assert_released(NEWER)
    shop.assert_one_release_more(before)
    shop.assert_clean()


@pytest.mark.parametrize("step", ["image", "launch", "database", "smoke"])
def test_an_aborted_release_undoes_itself(shop: Shop, step: str) -> None:
    """Whoever of the two comes first does the work; at the end nothing is left."""
    before = shop.before()
    with shop.releasing() as release:
        release.wait_for_step(step)
        stopped = shop.deployer("abort", "shop", "--yes")
        done = release.finish()
    if done.code == Exit.DONE:
        # It had committed before, or while the abort was looking.
        assert stopped.code in {Exit.REFUSED, Exit.DIRT}, stopped
        shop.assert_released()
        return
    assert done.code == Exit.FAILED, done
    assert stopped.code in {Exit.DONE, Exit.DIRT}, stopped
    shop.assert_as_before(before)
    shop.assert_clean()


def test_an_abort_ends_the_wait_for_an_image(shop: Shop) -> None:
    """An image takes minutes: its release learns of the abort, and that the image is no more."""
    before = shop.before()
    shop.faults.images("pending")
    with shop.releasing() as release:
        release.wait_for("step-progress", step="image")
        stopped = shop.deployer("abort", "shop", "--yes")
        done = release.finish()
    assert stopped.code == Exit.DONE, stopped
    assert done.code == Exit.FAILED, done
    assert "ended by an operator" in done.events[-1]["message"], done
    shop.assert_as_before(before)
    shop.assert_clean()
