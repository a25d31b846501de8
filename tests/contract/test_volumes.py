"""Volumes, interfaces, addresses and groups. Sources: the API Reference's pages named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mypy_boto3_ec2 import EC2Client

from tests.contract.helpers import as_dict, describe, eventually, refused, tag_specs

TAGS = {"deploy-id": "x"}


@pytest.fixture
def volume(ec2: EC2Client) -> Iterator[str]:
    """A free volume with tags."""
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    made = ec2.create_volume(
        Size=1, AvailabilityZone=zone, TagSpecifications=tag_specs(TAGS, "volume")
    )["VolumeId"]
    eventually(lambda: state(ec2, made) == "available")
    yield made
    if ec2.describe_volumes(Filters=[{"Name": "volume-id", "Values": [made]}])["Volumes"]:
        ec2.delete_volume(VolumeId=made)


def state(ec2: EC2Client, volume: str) -> str:
    """The volume's state."""
    return ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"]


def test_a_volume_is_born_with_its_tags(ec2: EC2Client, volume: str) -> None:
    """TagSpecifications (CreateVolume)."""
    assert as_dict(ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Tags"]) == TAGS


def test_an_attached_volume_is_not_deleted(ec2: EC2Client, running: str) -> None:
    """Only an `available` one (DeleteVolume): VolumeInUse."""
    root = describe(ec2, running)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    with refused("VolumeInUse"):
        ec2.delete_volume(VolumeId=root)


def test_a_deleted_volume_is_gone_with_its_tags(ec2: EC2Client, volume: str) -> None:
    """InvalidVolume.NotFound afterwards, and no row of it in DescribeTags."""
    ec2.delete_volume(VolumeId=volume)
    with refused("InvalidVolume.NotFound"):
        ec2.delete_volume(VolumeId=volume)
    asked = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [volume]}])
    assert asked["Tags"] == []


def test_a_snapshot_is_born_with_its_tags(ec2: EC2Client, volume: str) -> None:
    """TagSpecifications (CreateSnapshot)."""
    made = ec2.create_snapshot(VolumeId=volume, TagSpecifications=tag_specs(TAGS, "snapshot"))
    (shown,) = ec2.describe_snapshots(SnapshotIds=[made["SnapshotId"]])["Snapshots"]
    assert as_dict(shown["Tags"]) == TAGS
    ec2.delete_snapshot(SnapshotId=made["SnapshotId"])
    with refused("InvalidSnapshot.NotFound"):
        ec2.delete_snapshot(SnapshotId=made["SnapshotId"])


def test_an_interface_is_born_with_its_tags(ec2: EC2Client) -> None:
    """TagSpecifications (CreateNetworkInterface)."""
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    made = ec2.create_network_interface(
        SubnetId=subnet, TagSpecifications=tag_specs(TAGS, "network-interface")
    )["NetworkInterface"]["NetworkInterfaceId"]
    (shown,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[made])["NetworkInterfaces"]
    assert as_dict(shown["TagSet"]) == TAGS
    ec2.delete_network_interface(NetworkInterfaceId=made)
    with refused("InvalidNetworkInterfaceID.NotFound"):
        ec2.delete_network_interface(NetworkInterfaceId=made)


def test_an_attached_interface_is_not_deleted(ec2: EC2Client, running: str) -> None:
    """It must be detached first (DeleteNetworkInterface)."""
    interface = describe(ec2, running)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    with refused("InvalidNetworkInterface.InUse", "InvalidParameterValue"):
        ec2.delete_network_interface(NetworkInterfaceId=interface)


def test_an_address_is_born_with_its_tags(ec2: EC2Client) -> None:
    """TagSpecifications (AllocateAddress)."""
    made = ec2.allocate_address(Domain="vpc", TagSpecifications=tag_specs(TAGS, "elastic-ip"))
    (shown,) = ec2.describe_addresses(AllocationIds=[made["AllocationId"]])["Addresses"]
    assert as_dict(shown["Tags"]) == TAGS
    ec2.release_address(AllocationId=made["AllocationId"])
    with refused("InvalidAllocationID.NotFound"):
        ec2.describe_addresses(AllocationIds=[made["AllocationId"]])


def test_a_group_in_use_is_not_deleted(ec2: EC2Client, running: str) -> None:
    """DependencyViolation (DeleteSecurityGroup)."""
    shown = describe(ec2, running)
    group = ec2.create_security_group(GroupName="contract", Description="x", VpcId=shown["VpcId"])[
        "GroupId"
    ]
    interface = shown["NetworkInterfaces"][0]
    before = [one["GroupId"] for one in interface["Groups"]]
    ec2.modify_network_interface_attribute(
        NetworkInterfaceId=interface["NetworkInterfaceId"], Groups=[group]
    )
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    ec2.modify_network_interface_attribute(
        NetworkInterfaceId=interface["NetworkInterfaceId"], Groups=before
    )
    ec2.delete_security_group(GroupId=group)
