"""The ledger in S3, and an Elastic IP that follows it: nothing is asked of Route 53."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import ELASTIC, Options
from reconciler.exit_codes import Exit
from tests.e2e.in_bucket import LedgerInBucket
from tests.e2e.leaving import goes_and_comes_back
from tests.e2e.probes import takes_writes, wait_for, writable
from tests.e2e.test_elastic_ip import Shop


class InBucket(LedgerInBucket, Shop):
    """Its one machine has an Elastic IP."""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of the shape `elastic-ip`."""
    one = Sandbox.at(tmp_path_factory.mktemp("bucket") / "box")
    one.up(Options(shape=ELASTIC, owner=os.getpid()))
    yield one
    one.down()


@pytest.fixture
def shop(box: Sandbox) -> InBucket:
    """Adopted into a bucket."""
    box.reset()
    made = InBucket(box)
    made.look_often(25)
    allocation = made.elastic["AllocationId"]
    made.keep_ledger_in_bucket("elastic-ip", f'allocation = "{allocation}"')
    made.adopt()
    return made


def test_a_whole_life_with_an_elastic_ip(shop: InBucket) -> None:
    """A failing release, one killed between commit and move, a sweep that moves, a rollback."""
    first, machine, faults = shop.live, shop.holder, shop.sandbox.faults()
    failed = shop.deployer("up", "shop", "--ref", "broken-smoke")
    assert failed.code == Exit.FAILED, failed
    assert (shop.live, shop.holder) == (first, machine)
    faults.set("AssociateAddress", "throttle", times=0)
    with shop.releasing("v1.5.0") as release:
        release.wait_for_step("commit")
        wait_for(lambda: shop.live != first, "the commit")
        release.send(signal.SIGKILL)
        release.finish()
    assert shop.holder == machine
    faults.clear()
    shop.ok("reconciler", "sweep", "--young")
    second, new = shop.live, shop.holder
    assert new != machine
    [database] = writable(shop)
    assert takes_writes(shop, database)
    shop.ok("deployer", "rollback", "shop", "--discard-writes")
    assert (shop.live, shop.holder) == (first, machine)
    assert f"previous={second}" in shop.text()
    assert writable(shop) == ["shop"]
    shop.ok("deployer", "status", "shop", "--exit-code")
    assert shop.asked_of_route53() == []


def test_it_leaves_and_comes_back(shop: InBucket) -> None:
    """The object is the tombstone; the address stays, through a broad sweep and a reboot."""
    shop.up("v1.5.0")
    machine = shop.holder
    goes_and_comes_back(shop)
    assert shop.holder == machine
    shop.up("v1.7.0")
    assert shop.holder != machine
    assert "ChangeResourceRecordSets" not in shop.asked_of_route53()  # the test itself reads there
