"""Attacks on what is done to live, on real processes (docs/attacks-live.md)."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from deployer.sandbox.control.client import Sandbox
from reconciler.exit_codes import Exit
from reconciler.machine.activation_gate import ASSET_TAG
from tests.crash.invariants import NEW, OLD, Shop, wait_for
from tests.e2e.probes import live_instance, on_machine
from tests.support.adoption import adopt
from tests.support.company import ask

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def shop(sandbox: Sandbox) -> Iterator[Shop]:
    """The company's shop, adopted."""
    one = Shop(sandbox)
    one.look_often(100)
    adopt(one)
    yield one
    one.faults.clear()


def takes_writes(shop: Shop) -> bool:
    """Whether a customer can order."""
    return ask(shop.pointed_at()[0], "/orders", b'{"item": "meanwhile"}')[0] == 201


def hang_in_migrate(shop: Shop) -> None:
    """Live stays shut until somebody ends the release."""
    shop.configure(r"^migrate  = .*$", 'migrate  = ["sleep 600"]')


def test_7_the_reader_dies_of_the_same_ctrl_c(shop: Shop) -> None:
    """`up 2>&1 | tee log`: tee is gone when the undo speaks; live opens, all goes, exit 130."""
    before = shop.before()
    hang_in_migrate(shop)
    process = subprocess.Popen(
        shop.command("deployer", "up", "shop", "--ref", NEW),
        env=shop.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if b"live refuses writes" in line:
            break
    process.stdout.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=150) == 128 + signal.SIGINT
    shop.assert_as_before(before)


def test_8_a_wrapper_that_forwards_the_key_press(shop: Shop) -> None:
    """SIGINT from the terminal, from the wrapper, and SIGHUP from the shell, all at once."""
    before = shop.before()
    hang_in_migrate(shop)
    with shop.releasing() as release:
        release.wait_for_step("migrate")
        assert not takes_writes(shop)
        for one in (signal.SIGINT, signal.SIGINT, signal.SIGHUP, signal.SIGINT):
            release.send(one)
        done = release.finish()
    # Of signals that come together, the handler is told in no certain order.
    assert done.code in (128 + signal.SIGINT, 128 + signal.SIGHUP), done
    shop.assert_as_before(before)


def test_4_and_6_killed_between_the_hooks_then_released_again(shop: Shop) -> None:
    """A dies after its `before` with its timer armed: B lets live go first, then stops it itself.

    B's image is of the disk as B's `before` had left it, and its clone does not run `after`.
    """
    shop.append(
        "[image]\n"
        'before = ["touch /srv/still"]\n'
        f'after = ["rm -f /srv/still; cat {ASSET_TAG} >> /srv/after-ran"]\n'
        'max_stopped = "2m"\n'
    )
    shop.faults.set("CreateImage", "delay", seconds=15)
    with shop.releasing() as first:
        shop.wait_until_struck()
        first.send(signal.SIGKILL)
        first.process.wait(timeout=30)
    shop.ok("deployer", "abort", "shop", "--yes")
    was = live_instance(shop)
    on_machine(shop, was, "test -e /srv/still")
    shop.up()
    now = live_instance(shop)
    assert now["InstanceId"] != was["InstanceId"]
    on_machine(shop, now, "test -e /srv/still")
    on_machine(shop, was, "test ! -e /srv/still")
    assert on_machine(shop, now, "cat /srv/after-ran").split() == [was["InstanceId"]]
    assert on_machine(shop, was, "cat /srv/after-ran").split() == [was["InstanceId"]] * 2


def test_14_who_sleeps_in_the_freeze_harms_nobody(shop: Shop) -> None:
    """A is stopped in the freeze, aborted from elsewhere, B releases; then A awakes."""
    hang_in_migrate(shop)
    with shop.releasing() as asleep:
        asleep.wait_for_step("migrate")
        asleep.send(signal.SIGSTOP)
        shop.ok("deployer", "abort", "shop", "--yes")
        assert takes_writes(shop)
        assert shop.version() == OLD
        shop.configure(r"^migrate  = .*$", 'migrate  = ["./bin/migrate"]')
        shop.up()
        asleep.send(signal.SIGCONT)
        done = asleep.finish()
    assert done.code in (Exit.FAILED, Exit.DIRT), done
    shop.assert_released()
    shop.assert_clean()


def test_10_a_slow_route_53_when_ci_cancels(shop: Shop) -> None:
    """Each call takes 3 s when SIGINT comes; live takes writes before the SIGKILL 10 s later."""
    hang_in_migrate(shop)
    with shop.releasing() as release:
        release.wait_for_step("migrate")
        for action in ("ListResourceRecordSets", "ChangeResourceRecordSets"):
            shop.faults.set(action, "delay", seconds=3, times=0)
        release.send(signal.SIGINT)
        wait_for(lambda: takes_writes(shop), 10)
        release.send(signal.SIGKILL)
        release.process.wait(timeout=30)
    shop.faults.clear()
    shop.ok("reconciler", "sweep")
    assert shop.version() == OLD
