"""Images and their snapshots. Sources: CreateImage; DeregisterImage; DeleteSnapshot; aws.md §2."""

from __future__ import annotations

from typing import Any

import pytest
from mypy_boto3_ec2 import EC2Client

from tests.contract.conftest import World
from tests.contract.helpers import (
    Launch,
    as_dict,
    describe,
    eventually,
    refused,
    tag_specs,
    wait_for_state,
)
from tests.fakes.paper_host import PaperHost

TAGS = {"deploy-id": "shop/20261123T031502Z-7kq2m"}


@pytest.fixture
def source(ec2: EC2Client, launch: Launch) -> str:
    """A running instance with a root volume of 9 GiB and a second one of 2."""
    mappings = [
        {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 9, "DeleteOnTermination": True}},
        {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 2, "DeleteOnTermination": True}},
    ]
    (made,) = launch(1, BlockDeviceMappings=mappings)
    wait_for_state(ec2, made, "running")
    return made


def make(world: World, ec2: EC2Client, source: str, name: str = "shop-1", **more: Any) -> str:
    """Begin an image; removed with its snapshots when the test is over."""
    asked = {"InstanceId": source, "Name": name, "NoReboot": True, **more}
    image = ec2.create_image(**asked)["ImageId"]
    world.on_exit(lambda: ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True))
    return image


def look(ec2: EC2Client, image: str) -> Any:
    """One image, as DescribeImages shows it."""
    return ec2.describe_images(ImageIds=[image])["Images"][0]


def wait_until_available(ec2: EC2Client, image: str) -> Any:
    """The image once it can be launched."""
    return eventually(lambda: (one := look(ec2, image))["State"] == "available" and one)


def snapshots_of(shown: Any) -> list[str]:
    """The snapshot ids of an image."""
    return [one["Ebs"]["SnapshotId"] for one in shown["BlockDeviceMappings"]]


def test_an_image_is_pending_first(
    world: World, ec2: EC2Client, source: str, host: PaperHost
) -> None:
    """`pending` until the copy has ended, and its snapshots too (ImageState; SnapshotState)."""
    host.hold_all()
    image = make(world, ec2, source)
    shown = look(ec2, image)
    assert shown["State"] == "pending"
    for one in ec2.describe_snapshots(SnapshotIds=snapshots_of(shown))["Snapshots"]:
        assert one["State"] == "pending"
    with refused("InvalidAMIID.Unavailable"):
        ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    host.let_go()
    wait_until_available(ec2, image)
    for one in ec2.describe_snapshots(SnapshotIds=snapshots_of(shown))["Snapshots"]:
        assert one["State"] == "completed"


def test_an_image_has_the_instances_volumes(world: World, ec2: EC2Client, source: str) -> None:
    """One snapshot a volume, with its size, and AWS's description (CreateImage)."""
    shown = wait_until_available(ec2, make(world, ec2, source))
    sizes = {one["DeviceName"]: one["Ebs"]["VolumeSize"] for one in shown["BlockDeviceMappings"]}
    assert sizes == {"/dev/sda1": 9, "/dev/sdb": 2}
    volumes = {one["Ebs"]["VolumeId"] for one in describe(ec2, source)["BlockDeviceMappings"]}
    found = ec2.describe_snapshots(SnapshotIds=snapshots_of(shown))["Snapshots"]
    assert {one["VolumeId"] for one in found} == volumes
    for one in found:
        wanted = f"Created by CreateImage({source}) for {shown['ImageId']}"
        assert one["Description"] == wanted
    assert shown["SourceInstanceId"] == source


def test_tags_are_born_on_image_and_snapshots(world: World, ec2: EC2Client, source: str) -> None:
    """TagSpecifications take image and snapshot (CreateImage)."""
    image = make(world, ec2, source, TagSpecifications=tag_specs(TAGS, "image", "snapshot"))
    shown = look(ec2, image)
    assert as_dict(shown["Tags"]) == TAGS
    for one in ec2.describe_snapshots(SnapshotIds=snapshots_of(shown))["Snapshots"]:
        assert as_dict(one["Tags"]) == TAGS


def test_nothing_is_inherited_from_the_instance(world: World, ec2: EC2Client, source: str) -> None:
    """Tags of the instance are not the image's unless given (aws.md §2)."""
    ec2.create_tags(Resources=[source], Tags=[{"Key": "deploy-id", "Value": "x"}])
    shown = look(ec2, make(world, ec2, source))
    assert not shown.get("Tags")


def test_tags_for_what_is_not_made(ec2: EC2Client, source: str) -> None:
    """Any other resource type fails the request (CreateImage)."""
    with refused("InvalidParameterValue"):
        ec2.create_image(
            InstanceId=source, Name="shop-1", TagSpecifications=tag_specs(TAGS, "instance")
        )
    assert not ec2.describe_images(
        Owners=["self"], Filters=[{"Name": "name", "Values": ["shop-1"]}]
    )["Images"]


def test_a_name_is_taken_once(world: World, ec2: EC2Client, source: str) -> None:
    """InvalidAMIName.Duplicate: the name is the key of a retried CreateImage (aws.md §2)."""
    image = make(world, ec2, source)
    with refused("InvalidAMIName.Duplicate"):
        make(world, ec2, source)
    found = ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": ["shop-1"]}])
    assert [one["ImageId"] for one in found["Images"]] == [image]


def test_a_name_is_free_again(world: World, ec2: EC2Client, source: str) -> None:
    """After the image is deregistered (EC2 error codes, InvalidAMIName.Duplicate)."""
    image = make(world, ec2, source)
    wait_until_available(ec2, image)
    ec2.deregister_image(ImageId=image)
    eventually(lambda: make(world, ec2, source) != image)


@pytest.mark.parametrize("name", ["ab", "x" * 129, "shop:1"])
def test_bad_names(ec2: EC2Client, source: str, name: str) -> None:
    """3 to 128 of certain characters (CreateImage, Name)."""
    with refused("InvalidAMIName.Malformed"):
        ec2.create_image(InstanceId=source, Name=name)


def test_no_image_of_the_terminated(ec2: EC2Client, source: str) -> None:
    """IncorrectInstanceState (CreateImage)."""
    ec2.terminate_instances(InstanceIds=[source])
    wait_for_state(ec2, source, "terminated")
    with refused("IncorrectInstanceState"):
        ec2.create_image(InstanceId=source, Name="shop-1")


@pytest.mark.parametrize("spared", [True, False])
def test_the_source_is_rebooted_unless_told_otherwise(
    world: World, ec2: EC2Client, source: str, host: PaperHost, spared: bool
) -> None:
    """NoReboot is false by default (CreateImage)."""
    image = make(world, ec2, source, NoReboot=spared)
    wait_until_available(ec2, image)
    eventually(lambda: host.reboots == ([] if spared else [source]))


def test_an_image_can_be_launched(
    world: World, ec2: EC2Client, source: str, launch: Launch
) -> None:
    """The clone has the image's volumes (RunInstances)."""
    image = make(world, ec2, source)
    wait_until_available(ec2, image)
    (clone,) = launch(1, ImageId=image)
    shown = describe(ec2, clone)
    assert shown["ImageId"] == image
    assert {one["DeviceName"] for one in shown["BlockDeviceMappings"]} == {"/dev/sda1", "/dev/sdb"}


def test_an_image_fails_when_its_source_ends_too_early(
    world: World, ec2: EC2Client, source: str, host: PaperHost
) -> None:
    """StateReason Client.InstanceTerminated: never terminate a pending image's source (§2)."""
    host.hold_all()
    image = make(world, ec2, source)
    ec2.terminate_instances(InstanceIds=[source])
    host.let_go()
    shown = look(ec2, image)
    assert shown["State"] == "failed"
    assert shown["StateReason"]["Code"] == "Client.InstanceTerminated"


def test_snapshots_in_use_are_not_deleted(world: World, ec2: EC2Client, source: str) -> None:
    """InvalidSnapshot.InUse while the image stands on it (DeleteSnapshot)."""
    shown = wait_until_available(ec2, make(world, ec2, source))
    for snapshot in snapshots_of(shown):
        with refused("InvalidSnapshot.InUse"):
            ec2.delete_snapshot(SnapshotId=snapshot)


def test_snapshots_stay_when_the_image_goes(world: World, ec2: EC2Client, source: str) -> None:
    """DeregisterImage leaves them by default (DeregisterImage)."""
    shown = wait_until_available(ec2, make(world, ec2, source))
    snapshots = snapshots_of(shown)
    ec2.deregister_image(ImageId=shown["ImageId"])
    assert len(ec2.describe_snapshots(SnapshotIds=snapshots)["Snapshots"]) == 2
    for snapshot in snapshots:
        ec2.delete_snapshot(SnapshotId=snapshot)
    with refused("InvalidSnapshot.NotFound"):
        ec2.describe_snapshots(SnapshotIds=snapshots)


def test_snapshots_go_with_the_image_on_request(world: World, ec2: EC2Client, source: str) -> None:
    """DeleteAssociatedSnapshots (DeregisterImage)."""
    shown = wait_until_available(ec2, make(world, ec2, source))
    answer = ec2.deregister_image(ImageId=shown["ImageId"], DeleteAssociatedSnapshots=True)
    assert {one["SnapshotId"] for one in answer["DeleteSnapshotResults"]} == set(
        snapshots_of(shown)
    )
    with refused("InvalidSnapshot.NotFound"):
        ec2.describe_snapshots(SnapshotIds=snapshots_of(shown))


def test_a_protected_image_stays(world: World, ec2: EC2Client, source: str) -> None:
    """Until the protection is taken off (EC2 User Guide, "Protect an Amazon EC2 AMI")."""
    shown = wait_until_available(ec2, make(world, ec2, source))
    image = shown["ImageId"]
    assert shown["DeregistrationProtection"] == "disabled"
    ec2.enable_image_deregistration_protection(ImageId=image)
    world.on_exit(lambda: ec2.disable_image_deregistration_protection(ImageId=image))
    assert look(ec2, image)["DeregistrationProtection"] == "enabled-without-cooldown"
    with refused("OperationNotPermitted"):
        ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
    ec2.disable_image_deregistration_protection(ImageId=image)
    assert look(ec2, image)["DeregistrationProtection"] == "disabled"


@pytest.mark.usefixtures("host")  # elsewhere it would stay for a day
def test_a_protection_with_a_cool_down_says_so(world: World, ec2: EC2Client, source: str) -> None:
    """By another word in DescribeImages."""
    image = wait_until_available(ec2, make(world, ec2, source))["ImageId"]
    ec2.enable_image_deregistration_protection(ImageId=image, WithCooldown=True)
    assert look(ec2, image)["DeregistrationProtection"] == "enabled-with-cooldown"


def test_an_image_of_another_s_snapshot(world: World, ec2: EC2Client, source: str) -> None:
    """RegisterImage: then the snapshot is in use, also when the first image is gone."""
    shown = wait_until_available(ec2, make(world, ec2, source))
    first = snapshots_of(shown)[0]
    other = ec2.register_image(
        Name="theirs",
        RootDeviceName="/dev/sda1",
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": first}}],
    )["ImageId"]
    world.on_exit(lambda: ec2.deregister_image(ImageId=other, DeleteAssociatedSnapshots=True))
    assert snapshots_of(look(ec2, other)) == [first]
    ec2.deregister_image(ImageId=shown["ImageId"])
    with refused("InvalidSnapshot.InUse"):
        ec2.delete_snapshot(SnapshotId=first)


def test_a_deregistered_image_is_gone(
    world: World, ec2: EC2Client, source: str, launch: Launch
) -> None:
    """It cannot be launched, nor deregistered again (DeregisterImage)."""
    image = make(world, ec2, source)
    wait_until_available(ec2, image)
    ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
    gone = ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable")
    with refused(*gone):
        launch(1, ImageId=image)
    with refused(*gone):
        ec2.deregister_image(ImageId=image)
    with refused(*gone):
        ec2.describe_images(ImageIds=[image])


def test_the_disk_goes_with_the_image(
    world: World, ec2: EC2Client, source: str, host: PaperHost
) -> None:
    """A deregistered image keeps no space (DeregisterImage)."""
    image = make(world, ec2, source)
    assert host.images == {image: source}
    wait_until_available(ec2, image)
    ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
    assert host.images == {}
