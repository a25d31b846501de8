"""RunInstances: what it refuses, what is born with it. Sources: RunInstances; aws.md §1, §3."""

from __future__ import annotations

import base64
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

TAGS = {"deploy-id": "shop/20261123T031502Z-7kq2m", "deploy-state": "pending"}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"ImageId": "image"}, "InvalidAMIID.Malformed"),
        ({"InstanceType": "t3.gigantic"}, "InvalidParameterValue"),
        ({"KeyName": "nobody"}, "InvalidKeyPair.NotFound"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
        ({"SecurityGroups": ["nobody"]}, "InvalidGroup.NotFound"),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound"),
        ({"Placement": {"AvailabilityZone": "eu-west-1z"}}, "InvalidParameterValue"),
        ({"IamInstanceProfile": {"Name": "nobody"}}, "InvalidParameterValue"),
        ({"MinCount": 2, "MaxCount": 1}, "InvalidParameterValue"),
        ({"UserData": base64.b64encode(b"x" * 20_000).decode()}, "InvalidParameterValue"),
    ],
)
def test_names_that_do_not_exist(
    ec2: EC2Client, launch: Launch, wrong: dict[str, Any], code: str
) -> None:
    """Each is refused with its own code, and nothing is launched (EC2 error codes)."""
    with refused(code):
        launch(1, **wrong)
    found = ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["pending"]}])
    assert found["Reservations"] == []


def test_more_than_1000_in_a_call(launch: Launch) -> None:
    """ResourceCountExceeded (EC2 error codes; aws.md §1)."""
    with refused("ResourceCountExceeded", "InstanceLimitExceeded"):
        launch(1001)


def test_tags_are_born_on_instance_volume_and_interface(ec2: EC2Client, launch: Launch) -> None:
    """Created with their tags or not at all (Using_Tags; RunInstances.TagSpecifications)."""
    kinds = ("instance", "volume", "network-interface")
    (made,) = launch(1, TagSpecifications=tag_specs(TAGS, *kinds))
    shown = describe(ec2, made)
    volume = shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    interface = shown["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert as_dict(shown["Tags"]) == TAGS
    assert as_dict(ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Tags"]) == TAGS
    found = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])
    assert as_dict(found["NetworkInterfaces"][0]["TagSet"]) == TAGS


@pytest.mark.parametrize("kind", ["snapshot", "image", "elastic-ip", "machine"])
def test_tags_for_what_is_not_made(launch: Launch, kind: str) -> None:
    """Only instance, volume, network-interface and spot-instances-request (RunInstances)."""
    with refused("InvalidParameterValue"):
        launch(1, TagSpecifications=tag_specs(TAGS, "instance", kind))


def test_bad_tags_launch_nothing(ec2: EC2Client, launch: Launch) -> None:
    """If tags cannot be applied, the creation is rolled back (Using_Tags)."""
    with refused("InvalidParameterValue"):
        launch(1, TagSpecifications=tag_specs({"aws:mine": "x"}, "instance"))
    found = ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["pending"]}])
    assert found["Reservations"] == []


def test_an_instance_is_pending_first(ec2: EC2Client, launch: Launch, host: PaperHost) -> None:
    """`pending` until the machine is up (ec2-instance-lifecycle)."""
    host.hold_all()
    (made,) = launch(1)
    assert describe(ec2, made)["State"] == {"Code": 0, "Name": "pending"}
    host.let_go()
    wait_for_state(ec2, made, "running")


def test_the_address_is_the_subnets(ec2: EC2Client, launch: Launch) -> None:
    """The private address is a free one of the subnet, and it is the interface's too."""
    subnet = ec2.describe_subnets()["Subnets"][0]
    shown = [describe(ec2, one) for one in launch(2, SubnetId=subnet["SubnetId"])]
    addresses = {one["PrivateIpAddress"] for one in shown}
    assert len(addresses) == 2
    assert {one["NetworkInterfaces"][0]["PrivateIpAddress"] for one in shown} == addresses
    assert {one["SubnetId"] for one in shown} == {subnet["SubnetId"]}


@pytest.mark.parametrize("wanted", [True, False])
def test_a_public_address_on_request(ec2: EC2Client, launch: Launch, wanted: bool) -> None:
    """AssociatePublicIpAddress overrides the subnet's MapPublicIpOnLaunch (RunInstances)."""
    interface = {"DeviceIndex": 0, "AssociatePublicIpAddress": wanted}
    (made,) = launch(1, NetworkInterfaces=[interface])
    wait_for_state(ec2, made, "running")
    assert ("PublicIpAddress" in describe(ec2, made)) == wanted


def test_the_subnet_decides_about_the_public_address(ec2: EC2Client, launch: Launch) -> None:
    """MapPublicIpOnLaunch is the default (ModifySubnetAttribute)."""
    vpc = ec2.describe_vpcs()["Vpcs"][0]
    block = vpc["CidrBlock"].rsplit(".", 2)[0] + ".240.0/24"
    subnet = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock=block)["Subnet"]["SubnetId"]
    try:
        private = launch(1, SubnetId=subnet)[0]
        ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
        public = launch(1, SubnetId=subnet)[0]
        assert "PublicIpAddress" not in describe(ec2, private)
        assert describe(ec2, public)["PublicIpAddress"]
    finally:
        ec2.terminate_instances(InstanceIds=[private, public])
        for one in (private, public):
            wait_for_state(ec2, one, "terminated")
        ec2.delete_subnet(SubnetId=subnet)


def test_interfaces_and_subnet_exclude_each_other(ec2: EC2Client, launch: Launch) -> None:
    """InvalidParameterCombination (RunInstances)."""
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    with refused("InvalidParameterCombination"):
        launch(1, SubnetId=subnet, NetworkInterfaces=[{"DeviceIndex": 0}])


def test_user_data_and_key_reach_the_machine(
    ec2: EC2Client, launch: Launch, host: PaperHost
) -> None:
    """User data decoded, the key pair's public half authorised (RunInstances)."""
    pair = ec2.create_key_pair(KeyName="contract", KeyType="ed25519")
    (made,) = launch(1, KeyName="contract", UserData="#cloud-config\nruncmd: []\n")
    shown = describe(ec2, made)
    spec = host.specs[made]
    assert spec.user_data == b"#cloud-config\nruncmd: []\n"
    assert spec.address == shown["PrivateIpAddress"]
    assert spec.authorized_keys[0].startswith("ssh-ed25519 ")
    assert pair["KeyPairId"].startswith("key-")


def test_user_data_can_be_read_back(ec2: EC2Client, launch: Launch) -> None:
    """DescribeInstanceAttribute returns it in base64 (DescribeInstanceAttribute)."""
    (made,) = launch(1, UserData="#cloud-config\n")
    answer = ec2.describe_instance_attribute(InstanceId=made, Attribute="userData")
    assert base64.b64decode(answer["UserData"]["Value"]) == b"#cloud-config\n"


def test_metadata_options_are_kept(ec2: EC2Client, launch: Launch) -> None:
    """IMDSv2 can be demanded at launch (RunInstances, MetadataOptions)."""
    (made,) = launch(1, MetadataOptions={"HttpTokens": "required"})
    assert describe(ec2, made)["MetadataOptions"]["HttpTokens"] == "required"


def test_a_volume_may_not_be_smaller_than_its_snapshot(launch: Launch) -> None:
    """InvalidBlockDeviceMapping (EC2 error codes)."""
    mapping = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 1}}
    with refused("InvalidBlockDeviceMapping"):
        launch(1, BlockDeviceMappings=[mapping])


def test_mappings_override_the_images(ec2: EC2Client, launch: Launch) -> None:
    """Size and DeleteOnTermination of the request win; more volumes are added (RunInstances)."""
    mappings = [
        {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20, "DeleteOnTermination": False}},
        {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 3, "DeleteOnTermination": True}},
    ]
    (made,) = launch(1, BlockDeviceMappings=mappings)
    shown = {one["DeviceName"]: one["Ebs"] for one in describe(ec2, made)["BlockDeviceMappings"]}
    ids = {device: ebs["VolumeId"] for device, ebs in shown.items()}
    sizes = {
        one["VolumeId"]: one["Size"]
        for one in ec2.describe_volumes(VolumeIds=list(ids.values()))["Volumes"]
    }
    assert {device: sizes[one] for device, one in ids.items()} == {"/dev/sda1": 20, "/dev/sdb": 3}
    assert not shown["/dev/sda1"]["DeleteOnTermination"]
    assert shown["/dev/sdb"]["DeleteOnTermination"]
    ec2.terminate_instances(InstanceIds=[made])
    eventually(lambda: _is_free(ec2, ids["/dev/sda1"]))
    ec2.delete_volume(VolumeId=ids["/dev/sda1"])


def _is_free(ec2: EC2Client, volume: str) -> bool:
    return ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == "available"


@pytest.mark.usefixtures("host")  # a key of a real account costs money, and stays for days
@pytest.mark.parametrize("named", [True, False], ids=["by its ARN", "by the snapshot's"])
def test_a_disk_whose_key_cannot_be_used_ends_the_launch(
    world: World, ec2: EC2Client, launch: Launch, *, named: bool
) -> None:
    """Accepted, then `terminated`, with Client.InternalError and no word of the key."""
    kms = world.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    ebs: dict[str, Any] = {"VolumeSize": 1, "Encrypted": True, "KmsKeyId": key}
    if not named:
        [zone] = ec2.describe_availability_zones()["AvailabilityZones"][:1]
        volume = ec2.create_volume(
            AvailabilityZone=zone["ZoneName"], Size=1, Encrypted=True, KmsKeyId=key
        )["VolumeId"]
        copied = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        ebs = {"SnapshotId": copied}
    mapping: Any = [{"DeviceName": "/dev/sdf", "Ebs": ebs}]
    (fine,) = launch(1, BlockDeviceMappings=mapping)
    wait_for_state(ec2, fine, "running")
    kms.disable_key(KeyId=key.rpartition("/")[2])
    (ended,) = launch(1, BlockDeviceMappings=mapping)
    wait_for_state(ec2, ended, "terminated")
    reason = describe(ec2, ended)["StateReason"]
    assert reason["Code"] == "Client.InternalError"
    assert key not in reason["Message"]
