"""SIGKILL while live is shut: its lease is short, and whoever comes next opens live."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta

import pytest

from tests.crash.invariants import Before, Shop, wait_for
from tests.support.company import ask

pytestmark = pytest.mark.timeout(300)

SHORT = '\n[lease]\nlength = "1h"\nfrozen = "6s"\n'


def _takes_writes(shop: Shop) -> bool:
    status, _ = ask(shop.pointed_at()[0], "/orders", b'{"item": "after the freeze"}')
    return status == 201


def _killed_in_the_freeze(shop: Shop, config: str) -> Before:
    before = shop.before()
    shop.append(config)
    with shop.releasing() as release:
        release.wait_for("freeze-began")
        release.send(signal.SIGKILL)
        release.process.wait(timeout=30)
    assert not _takes_writes(shop)
    return before


def test_a_young_sweep_opens_live_after_the_short_lease(shop: Shop) -> None:
    """The lease of an hour is one of seconds while live is shut; the quick sweep ends and thaws."""
    before = _killed_in_the_freeze(shop, SHORT)
    until = shop.lease_until()
    assert until is not None
    assert until - datetime.now(UTC) < timedelta(seconds=7)
    shop.wait_for_lease_end()
    shop.reconciler("sweep", "--young")
    assert _takes_writes(shop)
    shop.ok("reconciler", "sweep")
    shop.assert_as_before(before)
    shop.assert_clean()


def test_the_loop_opens_live_by_itself(shop: Shop) -> None:
    """`reconciler run`: its next young round after the lease's end, nobody asks for it."""
    _killed_in_the_freeze(shop, SHORT)
    words = ("run", "--every", "1s", "--full-every", "1h", "--listen", "127.0.0.1:0")
    command = shop.command("reconciler", *words)
    with shop.start(command, shop.environment) as loop:
        try:
            wait_for(lambda: _takes_writes(shop))
            assert "lease=" not in shop.ledger()
        finally:
            loop.send_signal(signal.SIGTERM)
            loop.communicate(timeout=60)


def test_an_abort_opens_live_at_once(shop: Shop) -> None:
    """However long the lease: a person says that it is over."""
    before = _killed_in_the_freeze(shop, '\n[lease]\nlength = "1h"\nfrozen = "1h"\n')
    shop.ok("deployer", "abort", "shop", "--yes")
    assert _takes_writes(shop)
    shop.assert_as_before(before)


def test_a_long_migration_outlives_its_short_lease(shop: Shop) -> None:
    """A living deployer renews as often as it needs: nobody takes its lease, and it commits."""
    shop.configure(r"^migrate  = \[", 'migrate  = ["sleep 8", ')
    shop.append('\n[lease]\nlength = "1h"\nfrozen = "4s"\n')
    with shop.releasing() as release:
        release.wait_for_step("migrate")
        first = shop.lease_until()
        assert first is not None
        wait_for(lambda: datetime.now(UTC) > first + timedelta(seconds=1))
        shop.reconciler("sweep")
        done = release.finish()
    assert done.code == 0, done
    shop.assert_released()
