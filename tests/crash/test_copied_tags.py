"""Tags copied by a backup tool or by the console's "launch more like this": no birth certificate.

Copies of live and of dead releases, of every kind that can be copied: all are kept, none is
changed, each is reported, and what is really dead goes all the same.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

import pytest

from tests.crash.invariants import Shop
from tests.support.company import Json

pytestmark = pytest.mark.timeout(300)

BASE = "ami-0ba5e0000000000a1"


def _spec(kind: str, tags: Mapping[str, str]) -> list[Json]:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"ResourceType": kind, "Tags": pairs}]


def _one(shop: Shop, deploy: str, kind: str) -> str:
    """The id of the deploy's only thing of that kind, as the tags say."""
    filters = [
        {"Name": "key", "Values": ["deploy-id"]},
        {"Name": "value", "Values": [deploy]},
        {"Name": "resource-type", "Values": [kind]},
    ]
    (row,) = shop.aws("ec2").describe_tags(Filters=filters)["Tags"]
    return str(row["ResourceId"])


def _backup(shop: Shop, deploy: str) -> set[str]:
    """What AWS Backup, DLM and a careful administrator make of a deploy: copies, tags and all."""
    ec2 = shop.aws("ec2")
    instance, volume, snapshot, image = (
        _one(shop, deploy, kind) for kind in ("instance", "volume", "snapshot", "image")
    )
    of_volume = ec2.create_snapshot(
        VolumeId=volume,
        Description="Created for policy: policy-0123456789abcdef0",
        TagSpecifications=_spec("snapshot", shop.tags(volume)),
    )["SnapshotId"]
    like_ours = ec2.create_snapshot(
        VolumeId=volume, TagSpecifications=_spec("snapshot", shop.tags(snapshot))
    )["SnapshotId"]
    copied = ec2.copy_snapshot(
        SourceSnapshotId=snapshot,
        SourceRegion="eu-west-1",
        TagSpecifications=_spec("snapshot", shop.tags(snapshot)),
    )["SnapshotId"]
    made = ec2.create_image(
        InstanceId=instance,
        Name=f"backup of {instance}",
        NoReboot=True,
        TagSpecifications=_spec("image", shop.tags(image)) + _spec("snapshot", shop.tags(snapshot)),
    )["ImageId"]
    return {of_volume, like_ours, copied, made}


def _more_like_this(shop: Shop, deploy: str) -> str:
    """A second instance with all tags of the first; so are its volume and its interface."""
    ec2 = shop.aws("ec2")
    first = ec2.describe_instances(InstanceIds=[_one(shop, deploy, "instance")])
    (one,) = first["Reservations"][0]["Instances"]
    kinds = ("instance", "volume", "network-interface")
    specs = [_spec(kind, shop.tags(_one(shop, deploy, kind)))[0] for kind in kinds]
    return _run_like(ec2, one, specs)


def _run_like(ec2: Any, one: Json, specs: list[Json]) -> str:
    made = ec2.run_instances(
        ImageId=BASE,
        MinCount=1,
        MaxCount=1,
        InstanceType=one["InstanceType"],
        SubnetId=one["SubnetId"],
        TagSpecifications=specs,
    )
    id_ = str(made["Instances"][0]["InstanceId"])
    ec2.get_waiter("instance_running").wait(InstanceIds=[id_], WaiterConfig={"Delay": 1})
    return id_


def _kept(shop: Shop) -> dict[str, str]:
    """What the plan keeps: id → reason."""
    return {one["id"]: one["reason"] for one in shop.plan()["keep"]}


def _tags(shop: Shop, ids: set[str]) -> dict[str, dict[str, str]]:
    return {one: shop.tags(one) for one in ids}


def test_copies_of_the_live_release_are_no_part_of_it(shop: Shop) -> None:
    """They are look-alikes, kept as they are, also when the next release retires theirs."""
    shop.up()
    live = shop.live_id()
    copies = _backup(shop, live) | {_more_like_this(shop, live)}
    before, tags = shop.before(), _tags(shop, copies)
    kept = _kept(shop)
    assert {kept[one] for one in copies} == {"look-alike"}
    shop.ok("reconciler", "sweep")
    assert shop.resources() == before.resources
    shop.assert_clean()
    shop.up("v1.7.0")
    shop.assert_released("v1.7.0")
    shop.ok("reconciler", "sweep")
    assert _tags(shop, copies) == tags
    assert all(before.resources[kind] <= ids for kind, ids in shop.resources().items())


def test_copies_of_a_dead_release_outlive_it(shop: Shop) -> None:
    """The sweep removes what died and nothing else; the copies are reported and kept."""
    before = shop.before()
    with shop.releasing() as release:
        release.wait_for_step("database")
        release.send(signal.SIGKILL)
        release.process.wait(timeout=30)
    dead = str(next(one["deploy"] for one in release.events if one["type"] == "release-began"))
    died = shop.before()
    copies = _backup(shop, dead) | {_more_like_this(shop, dead)}
    tags, beside = _tags(shop, copies), shop.resources()
    shop.let_lease_end()
    shop.ok("reconciler", "sweep")
    gone = {kind: died.resources[kind] - before.resources[kind] for kind in died.resources}
    assert shop.resources() == {kind: ids - gone[kind] for kind, ids in beside.items()}
    assert _tags(shop, copies) == tags
    kept = _kept(shop)
    assert {kept[one] for one in copies} == {"look-alike"}
    shop.assert_clean()
    shop.order()


def test_a_copy_of_the_adopted_machine_is_left_alone(shop: Shop) -> None:
    """Its tags say adopted and live; the next release retires the machine, not the copy."""
    ec2 = shop.aws("ec2")
    (one,) = shop.instances()
    copy = _run_like(ec2, one, _spec("instance", shop.tags(one["InstanceId"])))
    tags = shop.tags(copy)
    shop.ok("reconciler", "sweep")
    shop.up()
    shop.assert_released()
    shop.ok("reconciler", "sweep")
    assert copy in {each["InstanceId"] for each in shop.instances()}
    assert shop.tags(copy) == tags
    shop.assert_clean()


def test_retention_leaves_copies_alone(shop: Shop) -> None:
    """A release beyond retention is labelled, forgotten and collected; its copies are not."""
    shop.configure(r"^keep    = 2$", "keep    = 1")
    shop.up("v1.5.0")
    first = shop.live_id()
    copies = _backup(shop, first)
    tags, before = _tags(shop, copies), shop.resources()
    shop.up("v1.7.0")
    shop.up("v1.7.0")
    shop.let_addresses_drain()
    shop.ok("reconciler", "sweep")
    assert first not in shop.ledger()
    assert _tags(shop, copies) == tags
    for kind in ("snapshot", "image"):
        assert before[kind] & copies <= shop.resources()[kind]
    shop.assert_released("v1.7.0")
    shop.assert_clean()
