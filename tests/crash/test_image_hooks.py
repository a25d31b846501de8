"""Image hooks that stop the app of live: whatever becomes of the deployer, live lets itself go."""

from __future__ import annotations

import signal

import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import NEW, Shop, failed_step, wait_for
from tests.support.company import ask

pytestmark = pytest.mark.timeout(300)

HOOKS = """
[image]
before = ["systemctl stop shop"]
after = ["systemctl start shop"]
max_stopped = "{}"
"""
CI_LEAVES = 10.0
"""Seconds between the SIGINT and the SIGKILL of CI."""


def _serves(shop: Shop) -> bool:
    return ask(shop.pointed_at()[0], "/healthz")[0] == 200


def test_the_image_is_made_while_live_is_stopped(shop: Shop) -> None:
    """The ordinary case: stopped, copied, let go at once, and released."""
    shop.append(HOOKS.format("1h"))
    shop.up()
    shop.assert_released(NEW)


def test_killed_between_the_hooks_live_lets_itself_go(shop: Shop) -> None:
    """SIGKILL while CreateImage is under way: nobody sweeps, and live serves again by itself."""
    before = shop.before()
    shop.append(HOOKS.format("4s"))
    shop.faults.set("CreateImage", "delay", seconds=15)
    with shop.releasing() as release:
        shop.wait_until_struck()
        assert not _serves(shop)
        release.send(signal.SIGKILL)
        release.process.wait(timeout=30)
    wait_for(lambda: _serves(shop))
    shop.faults.clear()
    shop.let_lease_end()
    shop.ok("reconciler", "sweep")
    assert shop.live_id() == before.live
    shop.order()


@pytest.mark.parametrize("hook", ["systemctl stop shop; sleep 600", "systemctl stop shop"])
def test_cancelled_between_the_hooks_live_is_let_go_first(shop: Shop, hook: str) -> None:
    """SIGINT and SIGTERM in `before`, or right after it: `after` has run when SIGKILL comes."""
    shop.append(HOOKS.format("1h").replace("systemctl stop shop", hook))
    shop.faults.set("CreateImage", "delay", seconds=3)
    with shop.releasing() as release:
        wait_for(lambda: not _serves(shop))
        release.send(signal.SIGINT)
        release.send(signal.SIGTERM)
        wait_for(lambda: _serves(shop), CI_LEAVES)
        release.send(signal.SIGKILL)
        release.process.wait(timeout=30)
    assert _serves(shop)


def test_an_image_that_took_too_long_is_not_used(shop: Shop) -> None:
    """The timer fired before CreateImage had answered: exit 1, live serves, nothing is left."""
    before = shop.before()
    shop.append(HOOKS.format("2s"))
    shop.faults.set("CreateImage", "delay", seconds=8)
    done = shop.deployer("up", "shop", "--ref", NEW, "--json")
    assert done.code == Exit.FAILED, done
    assert failed_step(done) == "image"
    assert "before CreateImage had answered" in done.out
    wait_for(lambda: _serves(shop))
    shop.assert_as_before(before)
    shop.assert_clean()
