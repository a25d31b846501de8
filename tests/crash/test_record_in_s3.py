"""A release dies whose ledger is in S3 and whose A record follows: one sweep leaves it whole."""

from __future__ import annotations

import signal

import pytest

from deployer.sandbox.control.client import Sandbox
from tests.crash.invariants import LIVE_DATABASE
from tests.e2e.in_bucket import RecordInBucket, adopted_in_bucket
from tests.e2e.probes import has, writable
from tests.support.company import Witness

pytestmark = pytest.mark.timeout(300)

STEPS = ("traffic", "migrate", "health", "commit", "follow-up")
"""Each side of what is written into Route 53, and of the commit."""


@pytest.fixture
def recorded(sandbox: Sandbox) -> RecordInBucket:
    """Adopted into a bucket; its smoke test is patient."""
    return adopted_in_bucket(sandbox, tries=100)


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_release_is_swept(recorded: RecordInBucket, step: str) -> None:
    """Whoever is live by the ledger has the record, the claim and the writes; nothing else is."""
    first, before = recorded.live, recorded.resources()
    with Witness(recorded).watching() as clients:
        with recorded.releasing("v1.5.0") as release:
            release.wait_for_step(step)
            release.send(signal.SIGKILL)
            release.finish()
        recorded.let_lease_end()
        recorded.ok("reconciler", "sweep")
    assert clients.errors == []
    is_old = recorded.live == first
    assert recorded.version() == ("v1.4.2" if is_old else "v1.5.0")
    has(recorded.claim, f"at={recorded.pointed_at()[0]}")
    assert (writable(recorded) == [LIVE_DATABASE]) == is_old
    assert clients.acknowledged <= recorded.rows(writable(recorded)[0])
    if is_old:
        assert recorded.resources() == before
    recorded.ok("reconciler", "plan", "--exit-code")
