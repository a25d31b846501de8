"""CI cancels: SIGINT, SIGTERM 7.5 s later, SIGKILL 2.5 s after that. Live takes writes by then.

The clean-up may not be whole when SIGKILL comes; what it has not come to, a sweep does.
"""

from __future__ import annotations

import signal
import time

import pytest

from tests.crash.invariants import BEFORE_COMMIT, OLD, Shop, wait_for
from tests.support.company import Running, ask

pytestmark = pytest.mark.timeout(300)

TO_SIGTERM, TO_SIGKILL = 7.5, 2.5
FROZEN = ("database", "migrate", "start", "smoke")
"""Steps under which the live database may be shut."""


def _takes_writes(shop: Shop) -> bool:
    status, _ = ask(shop.pointed_at()[0], "/orders", b'{"item": "while it is cancelled"}')
    return status == 201


def _kill(release: Running) -> None:
    release.send(signal.SIGKILL)
    release.process.wait(timeout=30)


def _assert_swept(shop: Shop, live: str) -> None:
    """What the killed clean-up has not come to is swept; nobody has to wait for a lease."""
    shop.faults.clear()
    shop.ok("reconciler", "sweep")
    assert shop.live_id() == live
    assert shop.version() == OLD
    shop.order()
    shop.assert_clean()


@pytest.mark.parametrize("step", BEFORE_COMMIT)
def test_cancelled_in_any_step(shop: Shop, step: str) -> None:
    """SIGTERM finds the clean-up begun and ends nothing; live is open when SIGKILL comes.

    SIGTERM comes as soon as it can do harm, SIGKILL as soon as writes are taken: whatever time CI
    leaves in between, that is the worst of it.
    """
    live = shop.live_id()
    with shop.releasing() as release:
        release.wait_for_step(step)
        if step in FROZEN[1:]:
            assert not _takes_writes(shop)
        release.send(signal.SIGINT)
        began = time.monotonic()
        if step not in ("guard", "lease"):  # there may be nothing to clean up
            release.wait_for("clean-up-began")
        release.send(signal.SIGTERM)
        wait_for(lambda: _takes_writes(shop), TO_SIGTERM + TO_SIGKILL)
        assert time.monotonic() - began < TO_SIGTERM + TO_SIGKILL
        _kill(release)
    if step not in FROZEN:
        shop.let_lease_end()  # it may have been killed before it gave that up
    assert "lease=" not in shop.ledger() or step not in FROZEN[1:]
    _assert_swept(shop, live)


def test_cancelled_with_the_times_of_ci(shop: Shop) -> None:
    """A migration that hangs, machines that will not go: 10 s later live takes writes."""
    live = shop.live_id()
    shop.configure(r"^migrate  = .*$", 'migrate  = ["sleep 600"]')
    shop.faults.set("TerminateInstances", "throttle", times=0)
    with shop.releasing() as release:
        release.wait_for_step("migrate")
        assert not _takes_writes(shop)
        release.send(signal.SIGINT)
        time.sleep(TO_SIGTERM)  # these two are what CI does: there is no condition to wait for
        assert release.process.poll() is None
        release.send(signal.SIGTERM)
        time.sleep(TO_SIGKILL)
        assert release.process.poll() is None
        _kill(release)
    assert _takes_writes(shop)
    assert "lease=" not in shop.ledger()
    _assert_swept(shop, live)
