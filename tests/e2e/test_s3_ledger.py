"""The whole life of a service whose ledger is an object in S3: nothing of it is in Route 53."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

import pytest

from deployer.sandbox.control.client import Sandbox
from reconciler.exit_codes import Exit
from tests.e2e.balanced import FAILED, Shop, deregister_at_once, only
from tests.e2e.in_bucket import BUCKET, KEY, LedgerInBucket
from tests.e2e.probes import takes_writes, writable
from tests.support.company import TRUSTING


@dataclass
class InBucket(LedgerInBucket, Shop):
    """Behind its load balancer."""

    def begin_in_bucket(self) -> None:
        """From now on the ledger is in the bucket."""
        self.keep_ledger_in_bucket("target-group", f'listener = "{self.listener}"')


def _new(box: Sandbox) -> InBucket:
    box.reset()
    made = InBucket(box)
    made.look_often(25)
    deregister_at_once(made)
    return made


@pytest.fixture
def bucketed(box: Sandbox) -> InBucket:
    """Adopted into a bucket, by a configuration that never named a zone."""
    made = _new(box)
    made.begin_in_bucket()
    made.adopt()
    return made


def _die_in(shop: Shop, step: str, ref: str) -> None:
    with shop.releasing(ref) as release:
        release.wait_for_step(step)
        release.send(signal.SIGKILL)
        release.finish()


def test_a_whole_life_without_route_53(bucketed: InBucket) -> None:
    """Adopted, released, failed, killed, swept, rolled back, recovered; no write is lost."""
    shop = bucketed
    first, before = shop.live, shop.resources()
    with shop.clients.at_work():
        failed = shop.deployer("up", "shop", "--ref", "v1.6.0")
        assert failed.code == Exit.FAILED, failed
        assert shop.resources() == before
        _die_in(shop, "migrate", "v1.7.0")
        assert "lease=" in shop.text()
        shop.ok("deployer", "abort", "shop", "--yes")
        assert "lease=" not in shop.text()
        assert shop.resources() == before
        assert shop.live == first
        shop.up("v1.5.0")
        second, new = shop.live, only(shop)
        assert (second == first, new == "shop-by-hand") == (False, False)
        shop.sweep_until({new})
        placed = set(shop.clients.receipts)
    assert shop.clients.outcomes() <= FAILED
    [database] = writable(shop)
    assert placed <= shop.rows(database)
    shop.ok("deployer", "rollback", "shop", "--discard-writes")
    assert (shop.live, writable(shop)) == (first, ["shop"])
    assert f"previous={second}" in shop.text()
    shop.ok("reconciler", "sweep")
    status = shop.ok("deployer", "status", "shop", "--exit-code")
    assert only(shop) in status.out
    examined = shop.ok("deployer", "doctor")
    assert f"bucket {BUCKET} in eu-west-1, which keeps versions" in examined.out
    assert shop.asked_of_route53() == []


def test_a_deleted_ledger_is_written_anew(bucketed: InBucket) -> None:
    """Nothing is done without it, whether the bucket shows the deletion or not."""
    shop = bucketed
    earlier = shop.s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    shop.up("v1.5.0")
    current = shop.s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    live, generation = shop.live, int(re.findall(r"gen=(\d+)", shop.text())[0])
    before = shop.resources()
    shop.s3.put_object(Bucket=BUCKET, Key=KEY, Body=earlier)  # somebody restores a version
    assert shop.reconciler("sweep").code == Exit.DIRT
    assert shop.resources() == before
    shop.s3.put_object(Bucket=BUCKET, Key=KEY, Body=current)
    shop.ok("reconciler", "sweep")
    before = shop.resources()
    shop.s3.delete_object(Bucket=BUCKET, Key=KEY)
    refused = shop.deployer("up", "shop", "--ref", "v1.7.0")
    assert refused.code == Exit.REFUSED, refused
    assert "was deleted by somebody" in refused.err
    assert shop.reconciler("sweep").code == Exit.DIRT
    versions = shop.s3.list_object_versions(Bucket=BUCKET)
    for one in (*versions["Versions"], *versions["DeleteMarkers"]):
        shop.s3.delete_object(Bucket=BUCKET, Key=KEY, VersionId=one["VersionId"])
    refused = shop.deployer("up", "shop", "--ref", "v1.7.0")
    assert refused.code == Exit.REFUSED, refused
    assert shop.reconciler("sweep").code == Exit.DIRT
    assert (shop.text(), shop.resources()) == ("", before)
    shop.ok("deployer", "recover", "shop", "--yes")
    assert shop.live == live
    assert int(re.findall(r"gen=(\d+)", shop.text())[0]) > generation
    shop.ok("deployer", "rollback", "shop", "--discard-writes")
    assert takes_writes(shop, "shop")


def test_it_leaves_and_comes_back(bucketed: InBucket) -> None:
    """The object is the tombstone; listener and group stay, and Route 53 is never asked."""
    shop = bucketed
    shop.up("v1.5.0")
    serving, live = only(shop), shop.live
    shop.sweep_until({serving})
    with shop.clients.at_work():
        shop.ok("deployer", "leave", "shop", "--yes")
        assert f"left={live}" in shop.text()
        shop.ok("reconciler", "sweep")
        shop.clients.have_gone_on()
    assert shop.clients.outcomes() <= FAILED
    assert only(shop) == serving
    refused = shop.deployer("up", "shop", "--ref", "v1.7.0")
    assert refused.code == Exit.REFUSED, refused
    shop.ok("deployer", "adopt", "shop", *TRUSTING)
    assert shop.live == live
    shop.up("v1.7.0")
    assert only(shop) != serving
    assert shop.asked_of_route53() == []


def test_moved_from_route_53(box: Sandbox) -> None:
    """Refused until `deployer move`, which leaves a tombstone; everything is its own afterwards."""
    shop = _new(box)
    shop.adopt()
    old = Shop(box)
    shop.up("v1.5.0")
    live = old.live
    shop.begin_in_bucket()
    before = shop.resources()
    for words in (("up", "shop"), ("adopt", "shop", "--yes"), ("recover", "shop", "--yes")):
        refused = shop.deployer(*words)  # live is another ledger's: its tags say so
        assert refused.code in (Exit.REFUSED, Exit.USAGE), (words, refused)
    shop.reconciler("sweep")
    assert (shop.text(), old.live, shop.resources()) == ("", live, before)
    shop.ok("deployer", "move", "shop", "--yes")
    assert shop.live == live
    assert f"moved=s3://{BUCKET}/{KEY}" in old.text()
    assert "was=" in shop.text()
    tagged = {shop.tags(one["InstanceId"])["deploy-ledger"] for one in shop.instances()}
    assert tagged == {f"s3://{BUCKET}/{KEY}"}
    shop.ok("reconciler", "sweep")
    shop.ok("deployer", "rollback", "shop", "--discard-writes")
    assert writable(shop) == ["shop"]

    path = shop.service_file()
    path.write_text(re.sub(r"(?m)^ledger = .*\n", "", path.read_text()))
    refused = shop.deployer("up", "shop", "--ref", "v1.7.0")
    assert refused.code == Exit.REFUSED, refused
    assert f'`ledger` is "s3://{BUCKET}/production"' in refused.err
