"""Key pairs, launch templates, addresses. Sources: the API Reference's pages named; aws.md §3."""

from __future__ import annotations

from typing import Any

from mypy_boto3_ec2 import EC2Client

from tests.contract.conftest import World
from tests.contract.helpers import Launch, refused, tag_specs, wait_for_state


def by(name: str, *values: str) -> list[Any]:
    """One filter."""
    return [{"Name": name, "Values": list(values)}]


def rows(ec2: EC2Client, kind: str) -> list[tuple[str, str, str]]:
    """Tags of a kind, as (id, key, value)."""
    found = ec2.describe_tags(Filters=by("resource-type", kind))["Tags"]
    return [(one["ResourceId"], one["Key"], one["Value"]) for one in found]


def test_a_key_pair_is_born_tagged_and_found_by_id(world: World, ec2: EC2Client) -> None:
    """CreateKeyPair, TagSpecifications; DescribeKeyPairs, filter key-pair-id; DescribeTags."""
    made = ec2.create_key_pair(
        KeyName="pair", KeyType="ed25519", TagSpecifications=tag_specs({"a": "b"}, "key-pair")
    )["KeyPairId"]
    world.on_exit(lambda: ec2.delete_key_pair(KeyPairId=made))
    (shown,) = ec2.describe_key_pairs(Filters=by("key-pair-id", made, "key-0"))["KeyPairs"]
    assert (shown["KeyName"], shown["Tags"]) == ("pair", [{"Key": "a", "Value": "b"}])
    assert rows(ec2, "key-pair") == [(made, "a", "b")]


def test_a_key_pair_is_deleted_by_id_and_twice(ec2: EC2Client) -> None:
    """DeleteKeyPair takes an id, and says yes to one that is gone; its tags go along."""
    tags = tag_specs({"a": "b"}, "key-pair")
    made = ec2.create_key_pair(KeyName="pair", TagSpecifications=tags)["KeyPairId"]
    ec2.delete_key_pair(KeyPairId=made)
    ec2.delete_key_pair(KeyPairId=made)
    assert ec2.describe_key_pairs(Filters=by("key-pair-id", made))["KeyPairs"] == []
    assert rows(ec2, "key-pair") == []


def test_a_key_pairs_name_is_taken(world: World, ec2: EC2Client) -> None:
    """InvalidKeyPair.Duplicate (CreateKeyPair)."""
    ec2.create_key_pair(KeyName="pair")
    world.on_exit(lambda: ec2.delete_key_pair(KeyName="pair"))
    with refused("InvalidKeyPair.Duplicate"):
        ec2.create_key_pair(KeyName="pair")


def template(world: World, ec2: EC2Client, name: str, image: str) -> str:
    """The id of a new launch template."""
    made = ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro"},
        TagSpecifications=tag_specs({"role": name}, "launch-template"),
    )["LaunchTemplate"]["LaunchTemplateId"]
    world.on_exit(lambda: ec2.delete_launch_template(LaunchTemplateId=made))
    return made


def test_templates_are_found_by_tag(world: World, ec2: EC2Client, image: str) -> None:
    """Filters tag-key and tag:K; there is none on the id (DescribeLaunchTemplates)."""
    one, _ = (template(world, ec2, name, image) for name in ("one", "two"))
    found = ec2.describe_launch_templates(Filters=by("tag:role", "one"))["LaunchTemplates"]
    assert [(each["LaunchTemplateId"], each["LaunchTemplateName"]) for each in found] == [
        (one, "one")
    ]
    assert found[0]["Tags"] == [{"Key": "role", "Value": "one"}]
    assert len(ec2.describe_launch_templates(Filters=by("tag-key", "role"))["LaunchTemplates"]) == 2
    assert (one, "role", "one") in rows(ec2, "launch-template")
    with refused("InvalidParameterValue"):
        ec2.describe_launch_templates(Filters=by("launch-template-id", one))


def test_templates_come_200_a_page(ec2: EC2Client) -> None:
    """MaxResults is at most 200 (DescribeLaunchTemplates)."""
    ec2.describe_launch_templates(MaxResults=200)
    with refused("InvalidParameterValue"):
        ec2.describe_launch_templates(MaxResults=1000)


def test_a_templates_versions_in_force(world: World, ec2: EC2Client, image: str) -> None:
    """`$Default` and `$Latest` name versions (DescribeLaunchTemplateVersions)."""
    made = template(world, ec2, "one", image)
    ec2.create_launch_template_version(
        LaunchTemplateId=made, LaunchTemplateData={"ImageId": image, "InstanceType": "t3.small"}
    )
    shown = ec2.describe_launch_template_versions(
        LaunchTemplateId=made, Versions=["$Default", "$Latest"]
    )["LaunchTemplateVersions"]
    assert {one["LaunchTemplateData"]["InstanceType"] for one in shown} == {"t3.micro", "t3.small"}
    assert {one["LaunchTemplateData"]["ImageId"] for one in shown} == {image}


def test_a_template_that_is_gone(world: World, ec2: EC2Client, image: str) -> None:
    """InvalidLaunchTemplateId.NotFound; its tags go along (DeleteLaunchTemplate)."""
    made = template(world, ec2, "one", image)
    ec2.delete_launch_template(LaunchTemplateId=made)
    with refused("InvalidLaunchTemplateId.NotFound"):
        ec2.delete_launch_template(LaunchTemplateId=made)
    assert rows(ec2, "launch-template") == []


def test_an_address_in_use_is_not_released(world: World, ec2: EC2Client, launch: Launch) -> None:
    """InvalidIPAddress.InUse while associated; a termination lets it go (ReleaseAddress)."""
    made = ec2.allocate_address(
        Domain="vpc", TagSpecifications=tag_specs({"a": "b"}, "elastic-ip")
    )["AllocationId"]
    world.on_exit(lambda: ec2.release_address(AllocationId=made))
    (machine,) = launch(1)
    wait_for_state(ec2, machine, "running")
    ec2.associate_address(AllocationId=made, InstanceId=machine)
    with refused("InvalidIPAddress.InUse"):
        ec2.release_address(AllocationId=made)
    ec2.terminate_instances(InstanceIds=[machine])
    wait_for_state(ec2, machine, "terminated")
    (idle,) = ec2.describe_addresses(Filters=by("allocation-id", made))["Addresses"]
    assert "AssociationId" not in idle
    assert idle["Tags"] == [{"Key": "a", "Value": "b"}]
    ec2.release_address(AllocationId=made)
    assert ec2.describe_addresses(Filters=by("allocation-id", made))["Addresses"] == []
