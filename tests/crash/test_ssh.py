"""A person's session dies, at this end or at the other: the service is as it was."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.crash.invariants import Shop, wait_for
from tests.e2e.probes import live_instance, on_machine

pytestmark = pytest.mark.timeout(300)

THERE = "test -e /tmp/begun && echo yes || echo no"
WORDS = ("ssh", "shop", "--", "touch /tmp/begun; exec sleep 300")


@pytest.fixture
def alone(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of this test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    assert shop.ledger()
    return folder


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_session_that_is_killed_changes_nothing(
    shop: Shop, alone: Path, signum: signal.Signals
) -> None:
    """No lease, no file with a key, nothing to sweep; the next session and release are as ever."""
    before, machine = shop.before(), live_instance(shop)
    ledger, known = shop.ledger(), set(alone.rglob("*"))
    environment = {**os.environ, **shop.environment, "TMPDIR": str(alone)}
    with shop.start(shop.command("deployer", *WORDS), environment) as session:
        wait_for(lambda: on_machine(shop, machine, THERE).strip() == "yes")
        session.send_signal(signum)
        session.communicate(timeout=60)
    assert set(alone.rglob("*")) == known
    assert shop.ledger() == ledger
    shop.assert_as_before(before)
    shop.assert_clean()
    assert shop.ok("deployer", "ssh", "shop", "--", "echo again").out == "again\n"
    shop.up("v1.5.0")
    shop.assert_released()


def test_a_machine_that_dies_ends_the_session(shop: Shop) -> None:
    """255, as `ssh` has it; what became of the machine is the sweep's and the operator's."""
    machine = live_instance(shop)
    with shop.start(shop.command("deployer", *WORDS), shop.environment) as session:
        wait_for(lambda: on_machine(shop, machine, THERE).strip() == "yes")
        shop.aws("ec2").stop_instances(InstanceIds=[machine["InstanceId"]])
        session.communicate(timeout=120)
        assert session.wait() == 255
    assert "lease=" not in shop.ledger()
