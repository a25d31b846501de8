"""A release that bakes and goes back by itself is killed on its way back: people finish it."""

from __future__ import annotations

import signal

import pytest

from tests.crash.invariants import LIVE_DATABASE, NEW, OLD, Shop
from tests.e2e.probes import writable

pytestmark = pytest.mark.timeout(300)

NEVER = ('copy     = "always"\nwrites   = "freeze"', 'copy = "never"')
STEPS = ("lease", "start", "smoke", "database", "commit", "follow-up")
"""Those of the rollback that follows the bake."""


@pytest.fixture
def baking(shop: Shop) -> Shop:
    """It goes back by itself, since releases share the database; a few seconds suffice."""
    shop.configure("^record ", 'bake = "30s"\nrecord ')
    shop.configure(*NEVER)
    return shop


@pytest.mark.parametrize("step", STEPS)
def test_killed_on_the_way_back(baking: Shop, step: str) -> None:
    """One of the two is live, whole, and a rollback by hand ends where this one wanted to."""
    before = baking.before()
    with baking.releasing() as release:
        release.wait_for_step("bake")
        stop = baking.deployer("ssh", "shop", "--", "sudo", "systemctl", "stop", "shop")
        assert stop.code == 0, stop
        release.wait_for("release-began")
        release.wait_for_step(step)
        release.send(signal.SIGKILL)
        release.finish()
    baking.let_lease_end()
    baking.ok("reconciler", "sweep")
    if baking.live_id() != before.live:
        baking.ok("deployer", "rollback", "shop")
    assert (baking.live_id(), baking.version()) == (before.live, OLD)
    assert writable(baking) == [LIVE_DATABASE]
    assert baking.order() in baking.rows(LIVE_DATABASE)
    baking.assert_clean()


def test_killed_while_it_watches(baking: Shop) -> None:
    """It is a release like any other: live, whole, and nothing to finish."""
    before = baking.before()
    with baking.releasing() as release:
        release.wait_for_step("bake")
        release.send(signal.SIGKILL)
        release.finish()
    assert baking.version() == NEW
    assert baking.live_id() != before.live
    assert "lease=" not in baking.ledger()
    baking.assert_clean()
