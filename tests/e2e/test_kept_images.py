"""Images that AWS does not let go: kept and said, no dirt, and no release waits for them."""

from __future__ import annotations

import json

from reconciler.exit_codes import Exit
from tests.e2e.probes import die_in, has
from tests.e2e.zone import let_time_pass, said
from tests.support.company import Company


def made_by_a_dead_release(company: Company) -> tuple[str, str]:
    """A release has died and its lease is over: its image and the snapshot of that."""
    before = company.resources()
    die_in(company, "code")
    let_time_pass(company, "until")
    [image] = company.resources()["image"] - before["image"]
    [snapshot] = company.resources()["snapshot"] - before["snapshot"]
    return image, snapshot


def explained(company: Company, id_: str) -> str:
    """All that `explain` says of it."""
    return company.ok("reconciler", "explain", id_).out


def test_a_protected_image_is_kept_until_people_let_it_go(adopted: Company) -> None:
    """The sweep leaves it and its snapshot, `explain` names the command; then both go."""
    before = adopted.resources()
    image, snapshot = made_by_a_dead_release(adopted)
    ec2 = adopted.aws("ec2")
    ec2.enable_image_deregistration_protection(ImageId=image)
    swept = adopted.ok("reconciler", "sweep")
    assert "blocked" not in swept.out + swept.err
    assert adopted.resources()["image"] == before["image"] | {image}
    assert adopted.resources()["snapshot"] == before["snapshot"] | {snapshot}
    has(
        explained(adopted, image),
        f"{image} is kept: people have protected it against deregistration",
        f"aws ec2 disable-image-deregistration-protection --image-id {image}",
    )
    has(explained(adopted, snapshot), f"{snapshot} is kept: in use by {image}, which is kept")
    adopted.up("v1.5.0")
    assert adopted.version() == "v1.5.0"
    ec2.disable_image_deregistration_protection(ImageId=image)
    has(explained(adopted, image), f"{image} is garbage", "The next sweep removes it.")
    adopted.ok("reconciler", "sweep")
    assert not {image} & adopted.resources()["image"]
    assert not {snapshot} & adopted.resources()["snapshot"]


def test_a_snapshot_of_somebody_s_image_is_kept(adopted: Company) -> None:
    """Registered by hand from what a dead release left: its snapshot stays as long as that does."""
    image, snapshot = made_by_a_dead_release(adopted)
    ec2 = adopted.aws("ec2")
    mapping = [{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": snapshot}}]
    theirs = ec2.register_image(
        Name="theirs", RootDeviceName="/dev/sda1", BlockDeviceMappings=mapping
    )["ImageId"]
    adopted.ok("reconciler", "sweep")
    assert image not in adopted.resources()["image"]
    assert {snapshot} <= adopted.resources()["snapshot"]
    has(explained(adopted, snapshot), f"{snapshot} is kept: in use by {theirs}, which is kept")
    adopted.up("v1.5.0")
    ec2.deregister_image(ImageId=theirs)
    adopted.ok("reconciler", "sweep")
    assert snapshot not in adopted.resources()["snapshot"]


def test_a_snapshot_that_becomes_somebody_s_meanwhile_names_two_ways(adopted: Company) -> None:
    """Between the description and the deletion: blocked, with both cures, and `--despite` helps."""
    _, snapshot = made_by_a_dead_release(adopted)
    faults = adopted.sandbox.faults()
    faults.set("DeleteSnapshot", "error", code="InvalidSnapshot.InUse", times=0)
    swept = adopted.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    has(swept.out + swept.err, snapshot, f"--despite {snapshot}", "deregister that image")
    refused = adopted.deployer("up", "shop", "--ref", "v1.5.0", "--sweep-first")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, f"If AWS keeps it      deployer up shop --despite {snapshot}")
    adopted.up("v1.5.0", "--despite", snapshot)
    faults.clear()
    assert adopted.version() == "v1.5.0"
    assert said(adopted).lease == ""
    status = json.loads(adopted.deployer("status", "shop", "--json").out)
    assert snapshot in json.dumps(status)


def test_an_image_that_is_protected_meanwhile_names_the_way(adopted: Company) -> None:
    """Between the description and the deletion; once it is described as such it is kept."""
    image, _ = made_by_a_dead_release(adopted)
    faults = adopted.sandbox.faults()
    faults.set("DeregisterImage", "error", code="OperationNotPermitted", times=0)
    swept = adopted.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    lift = f"aws ec2 disable-image-deregistration-protection --image-id {image}"
    has(swept.out + swept.err, "OperationNotPermitted", lift)
    faults.clear()
    adopted.aws("ec2").enable_image_deregistration_protection(ImageId=image)
    adopted.ok("reconciler", "sweep")
    adopted.up("v1.5.0")
