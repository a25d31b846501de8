"""SIGKILL in every step of a release: the lease runs out, and one sweep leaves what is rooted.

Clients ask and order all the time: none of their questions fails, and no order that was
acknowledged is missing.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import COMMIT, NEW, OLD, STEPS, SWAP, Before, Shop, wait_for
from tests.support.company import Running, Witness

pytestmark = pytest.mark.timeout(300)


def _kill(release: Running) -> None:
    release.send(signal.SIGKILL)
    assert release.process.wait(timeout=30) == -signal.SIGKILL


@contextmanager
def _clients(shop: Shop) -> Iterator[None]:
    """Clients watch while the body runs: no question failed, no acknowledged order is missing."""
    with Witness(shop).watching() as witness:
        yield
    assert witness.errors == []
    assert witness.asked > 0
    assert witness.acknowledged
    assert witness.acknowledged <= shop.rows(str(shop.get()["database"]))


def _assert_the_rooted_set_is_left(shop: Shop, before: Before) -> None:
    """Whichever release the ledger says is live: that one whole, and nothing but the kept."""
    if shop.live_id() == before.live:
        shop.assert_as_before(before)
    else:
        shop.assert_released()
        shop.assert_one_release_more(before)
    shop.assert_clean()


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_release_is_swept(shop: Shop, step: str) -> None:
    """In whatever step: exactly the rooted set is left, and a second sweep has nothing to do."""
    before = shop.before()
    with _clients(shop):
        with shop.releasing() as release:
            release.wait_for_step(step)
            _kill(release)
        shop.let_lease_end()
        shop.ok("reconciler", "sweep")
        assert shop.version() in ({OLD} if step not in STEPS[-2:] else {OLD, NEW})
    _assert_the_rooted_set_is_left(shop, before)


MADE_BY = {"CreateImage": "image", "RunInstances": "instance"}


@pytest.mark.parametrize("action", MADE_BY)
def test_a_create_in_flight_at_the_kill_is_swept(shop: Shop, action: str) -> None:
    """AWS carries it out when its sender is dead: made under a lease, gone with its end."""
    before = shop.before()
    shop.faults.set(action, "delay", seconds=2)
    with shop.releasing() as release:
        shop.wait_until_struck()
        _kill(release)
    kind = MADE_BY[action]
    wait_for(lambda: shop.resources()[kind] != before.resources[kind])
    shop.let_lease_end()
    shop.ok("reconciler", "sweep")
    _assert_the_rooted_set_is_left(shop, before)


def test_a_create_that_arrives_after_the_sweep_is_swept_by_the_next(shop: Shop) -> None:
    """Garbage is stable: its deploy never gets a root again, however late its things appear."""
    before = shop.before()
    shop.faults.set("CreateImage", "delay", seconds=15)
    with shop.releasing() as release:
        shop.wait_until_struck()
        _kill(release)
    shop.ok("deployer", "abort", "shop", "--yes")
    shop.assert_clean()
    wait_for(lambda: shop.resources()["image"] != before.resources["image"])
    shop.ok("reconciler", "sweep")
    _assert_the_rooted_set_is_left(shop, before)


def test_a_commit_in_flight_at_the_kill_is_finished(shop: Shop) -> None:
    """The batch arrives when its sender is dead: live, whole, and finished by the next sweep."""
    before = shop.before()
    shop.faults.set(SWAP, "delay", skip=COMMIT, seconds=2)
    with _clients(shop):
        with shop.releasing() as release:
            release.wait_for_step("commit")
            shop.wait_until_struck()
            _kill(release)
        wait_for(lambda: shop.live_id() != before.live)
        assert shop.deployer("status", "shop", "--exit-code").code == Exit.TO_DO
        shop.ok("reconciler", "sweep")
    shop.assert_released()
    _assert_the_rooted_set_is_left(shop, before)


def test_a_release_after_a_kill_sweeps_first(shop: Shop) -> None:
    """`up` refuses and shows the dirt with its cure; `--sweep-first` cures and releases."""
    before = shop.before()
    shop.shorten_lease()
    with shop.releasing() as release:
        release.wait_for_step("smoke")
        _kill(release)
    held = shop.deployer("up", "shop", "--ref", NEW)
    assert held.code == Exit.REFUSED, held
    shop.wait_for_lease_end()
    refused = shop.deployer("up", "shop", "--ref", NEW)
    assert (refused.code, "--sweep-first" in refused.err) == (Exit.REFUSED, True), refused
    shop.up(NEW, "--sweep-first")
    shop.assert_released()
    shop.assert_one_release_more(before)
    shop.assert_clean()


def test_an_operator_aborts_the_dead_at_once(shop: Shop) -> None:
    """No waiting for a lease of minutes: `abort` ends it on a person's word and sweeps."""
    before = shop.before()
    with shop.releasing() as release:
        release.wait_for_step("start")
        _kill(release)
    shop.ok("deployer", "abort", "shop", "--yes")
    shop.assert_as_before(before)
    shop.assert_clean()
