"""SIGINT and SIGTERM in every step of a release: undone and clean, or, past the commit, live."""

from __future__ import annotations

import signal
import time

import pytest

from reconciler.exit_codes import Exit
from reconciler.util.signals import ONE_PRESS
from tests.crash.invariants import BEFORE_COMMIT, MAY_COMMIT, OLD, Shop

pytestmark = pytest.mark.timeout(300)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("signum", SIGNALS, ids=lambda one: one.name)
@pytest.mark.parametrize("step", BEFORE_COMMIT)
def test_a_signal_before_the_commit_undoes(shop: Shop, step: str, signum: signal.Signals) -> None:
    """The old release serves and takes writes, nothing is left, and the exit code says which."""
    before = shop.before()
    with shop.releasing() as release:
        release.wait_for_step(step)
        release.send(signum)
        done = release.finish()
    assert done.code == 128 + signum, done
    shop.assert_as_before(before)


@pytest.mark.parametrize("signum", SIGNALS, ids=lambda one: one.name)
@pytest.mark.parametrize("step", MAY_COMMIT)
def test_a_signal_about_the_commit_is_one_or_the_other(
    shop: Shop, step: str, signum: signal.Signals
) -> None:
    """Committed: live, and what did not follow is finished by a sweep. Else: as before."""
    before = shop.before()
    with shop.releasing() as release:
        release.wait_for_step(step)
        release.send(signum)
        done = release.finish()
    if done.code == 128 + signum:
        assert step == "commit"
        shop.assert_as_before(before)
        return
    assert done.code in {Exit.DONE, Exit.UNFINISHED}, done
    shop.ok("reconciler", "sweep")
    shop.assert_released()
    shop.assert_one_release_more(before)
    shop.assert_clean()


def test_a_second_ctrl_c_leaves_at_once(shop: Shop) -> None:
    """It says what may be left and how to see; the lease's end and one sweep clean up."""
    before = shop.before()
    shop.faults.set("TerminateInstances", "throttle", times=0)
    with shop.releasing() as release:
        release.wait_for_step("migrate")
        release.send(signal.SIGINT)
        release.wait_for("freeze-ended")
        time.sleep(2 * ONE_PRESS)  # what comes sooner is the same key press
        release.send(signal.SIGINT)
        done = release.finish()
    assert done.code == 128 + signal.SIGINT, done
    assert "reconciler sweep --service shop" in done.err
    assert shop.version() == OLD
    shop.faults.clear()
    shop.let_lease_end()
    shop.ok("reconciler", "sweep")
    shop.assert_as_before(before)
    shop.assert_clean()
