"""The ledger in S3 and an A record in Route 53 that follows it, by its claim (docs/adr/0030)."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from deployer.sandbox.control.client import Sandbox
from reconciler.exit_codes import Exit
from tests.e2e.in_bucket import BUCKET, CLAIM, RecordInBucket, adopted_in_bucket
from tests.e2e.leaving import goes_and_comes_back
from tests.e2e.probes import has, instance_at, takes_writes, wait_for, writable
from tests.support.company import RECORD, Change, Witness

SWAP = "ChangeResourceRecordSets"


@pytest.fixture
def shop(sandbox: Sandbox) -> Iterator[RecordInBucket]:
    """Adopted into a bucket."""
    made = adopted_in_bucket(sandbox)
    yield made
    made.sandbox.faults().clear()


def test_a_whole_life_with_a_record(shop: RecordInBucket) -> None:
    """Adopted, failed, released, killed at each side of the commit, rolled back; no write lost."""
    first, before, at = shop.live, shop.resources(), shop.pointed_at()
    has(shop.claim, f"ledger=s3://{BUCKET}/production/shop", f"at={at[0]}")
    with Witness(shop).watching() as clients:
        failed = shop.deployer("up", "shop", "--ref", "v1.6.0")
        assert failed.code == Exit.FAILED, failed
        assert (shop.live, shop.pointed_at(), shop.resources()) == (first, at, before)
        shop.up("v1.5.0")
        second = shop.live
        assert second != first
        assert shop.version() == "v1.5.0"
        has(shop.claim, f"at={shop.pointed_at()[0]}")
        shop.ok("reconciler", "plan", "--exit-code")
        shop.ok("deployer", "status", "shop", "--exit-code")
    assert clients.errors == []
    [database] = writable(shop)
    assert clients.acknowledged <= shop.rows(database)
    shop.ok("deployer", "rollback", "shop", "--discard-writes")
    assert (shop.live, shop.pointed_at()) == (first, at)
    assert writable(shop) == ["shop"]
    shop.ok("reconciler", "plan", "--exit-code")
    has(shop.ok("deployer", "doctor", "shop").out, "switched after the ledger")


def test_a_sweep_rolls_the_record_forward(shop: RecordInBucket) -> None:
    """The deployer dies between the ledger's commit and the record's switch."""
    first, at, faults = shop.live, shop.pointed_at(), shop.sandbox.faults()
    with shop.releasing("v1.5.0") as release:
        release.wait_for_step("commit")
        faults.set(SWAP, "throttle", times=0)
        wait_for(lambda: shop.live != first, "the commit")
        release.send(signal.SIGKILL)
        release.finish()
    assert shop.pointed_at() == at
    assert not takes_writes(shop, "shop")
    faults.clear()
    shop.ok("reconciler", "sweep", "--young")
    assert shop.pointed_at() != at
    assert shop.version() == "v1.5.0"
    shop.ok("reconciler", "sweep")
    shop.ok("reconciler", "plan", "--exit-code")
    assert len(writable(shop)) == 1


def test_a_late_copy_of_a_switch_is_refused(shop: RecordInBucket) -> None:
    """It was sent before a rollback, and arrives after it: its claim is another by then."""
    at, was = shop.pointed_at(), shop.claim
    shop.up("v1.5.0")
    new, claim = shop.pointed_at(), shop.claim
    copy = (
        Change("DELETE", at, RECORD, "A"),
        Change("CREATE", new, RECORD, "A"),
        Change("DELETE", (was,), CLAIM),
        Change("CREATE", (claim,), CLAIM),
    )
    shop.ok("deployer", "rollback", "shop", "--discard-writes")
    assert shop.pointed_at() == at
    with pytest.raises(shop.aws("route53").exceptions.InvalidChangeBatch):
        shop.change_records(*copy)
    assert shop.pointed_at() == at
    shop.change_records(*copy[:2])  # so would one land that has no claim
    assert shop.pointed_at() == new


def test_what_a_person_moved_is_not_moved_back(shop: RecordInBucket) -> None:
    """Reported by everybody; `traffic --follow` is the operator's word."""
    at = shop.pointed_at()
    shop.up("v1.5.0")
    new = shop.pointed_at()
    shop.change_records(Change("UPSERT", at, RECORD, "A"))
    for command in (("reconciler", "sweep"), ("deployer", "up", "shop", "--ref", "v1.5.0")):
        done = shop.run(*command)
        assert done.code in (Exit.DIRT, Exit.REFUSED), done
        assert shop.pointed_at() == at
    has(shop.deployer("traffic", "shop").out, RECORD)
    shop.ok("deployer", "traffic", "shop", "--follow", "--yes")
    assert shop.pointed_at() == new
    assert instance_at(shop, new[0])["State"]["Name"] == "running"
    shop.ok("reconciler", "sweep")
    shop.ok("reconciler", "plan", "--exit-code")


def test_moved_from_the_zone_and_back(sandbox: Sandbox) -> None:
    """Refused until `deployer move`; a release and a rollback are its own on either side."""
    shop = RecordInBucket(sandbox)
    shop.look_often(25)
    shop.adopt()
    shop.keep_ledger_in_bucket_of_record()
    refused = shop.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    assert shop.text() == ""
    shop.ok("deployer", "move", "shop", "--yes")
    has(shop.claim, f"at={shop.pointed_at()[0]}")
    shop.up("v1.5.0")
    assert shop.version() == "v1.5.0"
    shop.configure(rf'^ledger = "s3://{BUCKET}/production"\n', "")
    shop.ok("deployer", "move", "shop", "--yes")
    shop.ok("deployer", "rollback", "shop", "--discard-writes")
    assert shop.version() == "v1.4.2"
    shop.ok("reconciler", "plan", "--exit-code")


def test_it_leaves_and_comes_back(shop: RecordInBucket) -> None:
    """The object is the tombstone; record and claim stay, through a broad sweep and a reboot."""
    shop.up("v1.5.0")
    claim = shop.claim
    goes_and_comes_back(shop)
    has(shop.claim, f"ledger=s3://{BUCKET}/production/shop", f"at={shop.pointed_at()[0]}")
    assert claim.partition("at=")[2] == shop.claim.partition("at=")[2]
    shop.up("v1.7.0")
    assert shop.version() == "v1.7.0"
    shop.ok("reconciler", "plan", "--exit-code")
