"""Tags. Sources: EC2 User Guide, "Tag your resources"; CreateTags; DescribeTags; aws.md §1."""

from __future__ import annotations

from typing import Any

import pytest
from mypy_boto3_ec2 import EC2Client

from tests.contract.helpers import (
    FREE_TAGS,
    Launch,
    as_dict,
    describe,
    refused,
    tag_specs,
    wait_for_state,
)

BORN = {"instance", "volume", "network-interface"}


def put(ec2: EC2Client, *resources: str, **tags: str) -> None:
    """CreateTags."""
    listed: Any = [{"Key": key, "Value": value} for key, value in tags.items()]
    ec2.create_tags(Resources=list(resources), Tags=listed)


def rows(ec2: EC2Client, **filters: list[str]) -> set[tuple[str, str, str, str]]:
    """DescribeTags, as (id, type, key, value); `_` stands for `-` in a filter's name."""
    asked: Any = [{"Name": k.replace("_", "-"), "Values": v} for k, v in filters.items()]
    return {
        (one["ResourceId"], one["ResourceType"], one["Key"], one["Value"])
        for one in ec2.describe_tags(Filters=asked)["Tags"]
    }


@pytest.mark.parametrize(
    "tag", [{"aws:x": "y"}, {"AWS:x": "y"}, {"k" * 129: "y"}, {"k": "v" * 257}, {"": "y"}]
)
def test_tags_that_are_refused(ec2: EC2Client, running: str, tag: dict[str, str]) -> None:
    """`aws:` is reserved; keys have 127, values 256 characters (Using_Tags; API model, Tag)."""
    with refused("InvalidParameterValue", "InvalidParameter", "TagPolicyViolation"):
        put(ec2, running, **tag)
    with refused("InvalidParameterValue", "InvalidParameter"):
        put(ec2, running, good="one", **tag)
    assert "Tags" not in describe(ec2, running)


def test_the_longest_tags(ec2: EC2Client, running: str) -> None:
    """127 characters of key and 256 of value (API model, Tag)."""
    put(ec2, running, **{"k" * 127: "v" * 256})
    assert as_dict(describe(ec2, running)["Tags"]) == {"k" * 127: "v" * 256}


def test_at_most_50_tags(ec2: EC2Client, running: str) -> None:
    """50 a resource; overwriting one is no new tag (Using_Tags)."""
    put(ec2, running, **{f"k{number}": "v" for number in range(FREE_TAGS)})
    put(ec2, running, k7="w")
    with refused("TagLimitExceeded"):
        put(ec2, running, one_more="v")
    assert as_dict(describe(ec2, running)["Tags"])["k7"] == "w"


@pytest.mark.parametrize(
    ("unknown", "code"),
    [
        ("i-0123456789abcdef0", "InvalidInstanceID.NotFound"),
        ("vol-0123456789abcdef0", "InvalidVolume.NotFound"),
        ("snap-0123456789abcdef0", "InvalidSnapshot.NotFound"),
        ("ami-0123456789abcdef0", "InvalidAMIID.NotFound"),
        ("eni-0123456789abcdef0", "InvalidNetworkInterfaceID.NotFound"),
        ("eipalloc-0123456789abcdef0", "InvalidAllocationID.NotFound"),
        ("nothing-0123456789abcdef0", "InvalidID"),
    ],
)
def test_unknown_resources(ec2: EC2Client, running: str, unknown: str, code: str) -> None:
    """One unknown id, and nothing is tagged (CreateTags)."""
    with refused(code, "InvalidID"):
        put(ec2, running, unknown, a="b")
    assert "Tags" not in describe(ec2, running)


def test_the_terminated_can_be_tagged(ec2: EC2Client, running: str) -> None:
    """As long as they are shown (CreateTags)."""
    ec2.terminate_instances(InstanceIds=[running])
    wait_for_state(ec2, running, "terminated")
    put(ec2, running, a="b")
    assert as_dict(describe(ec2, running)["Tags"]) == {"a": "b"}
    ec2.delete_tags(Resources=[running], Tags=[{"Key": "a"}])
    assert "Tags" not in describe(ec2, running)


def test_delete_with_another_value_does_nothing(ec2: EC2Client, running: str) -> None:
    """A tag given with a value goes only if it has that value (DeleteTags)."""
    put(ec2, running, a="b")
    ec2.delete_tags(Resources=[running], Tags=[{"Key": "a", "Value": "c"}])
    assert as_dict(describe(ec2, running)["Tags"]) == {"a": "b"}
    ec2.delete_tags(Resources=[running], Tags=[{"Key": "a", "Value": "b"}])
    assert "Tags" not in describe(ec2, running)


def test_describe_tags_shows_every_kind(ec2: EC2Client, launch: Launch) -> None:
    """Every EC2 kind in one list, by the names that AWS gives them (DescribeTags)."""
    tags = {"deploy-id": "x"}
    (made,) = launch(1, TagSpecifications=tag_specs(tags, *BORN))
    wait_for_state(ec2, made, "running")
    image = ec2.create_image(
        InstanceId=made,
        Name="tags-1",
        NoReboot=True,
        TagSpecifications=tag_specs(tags, "image", "snapshot"),
    )["ImageId"]
    vpc = describe(ec2, made)["VpcId"]
    group = ec2.create_security_group(
        GroupName="tags",
        Description="x",
        VpcId=vpc,
        TagSpecifications=tag_specs(tags, "security-group"),
    )["GroupId"]
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tag_specs(tags, "elastic-ip"))
    ec2.create_key_pair(KeyName="tags", TagSpecifications=tag_specs(tags, "key-pair"))
    try:
        kinds = {kind for _, kind, _, _ in rows(ec2, key=["deploy-id"])}
        assert kinds == BORN | {"image", "snapshot", "security-group", "elastic-ip", "key-pair"}
    finally:
        ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
        ec2.release_address(AllocationId=address["AllocationId"])
        ec2.delete_key_pair(KeyName="tags")
        ec2.delete_security_group(GroupId=group)
    kinds = {kind for _, kind, _, _ in rows(ec2, key=["deploy-id"])}
    assert kinds == BORN


def test_filters_of_describe_tags(ec2: EC2Client, launch: Launch) -> None:
    """key, value, resource-id, resource-type and tag:K (DescribeTags)."""
    one, two = launch(2, TagSpecifications=tag_specs({"a": "1", "b": "2"}, "instance", "volume"))
    mine = (one, "instance")
    assert rows(ec2, resource_id=[one]) == {(*mine, "a", "1"), (*mine, "b", "2")}
    assert rows(ec2, resource_id=[one, two], key=["a"], value=["1"]) == {
        (one, "instance", "a", "1"),
        (two, "instance", "a", "1"),
    }
    assert len(rows(ec2, resource_type=["volume"], value=["?"])) == 4
    assert len(rows(ec2, **{"tag:a": ["1"]})) == 4
    assert rows(ec2, **{"tag:a": ["2"]}) == set()


def test_two_specifications_for_one_kind(launch: Launch) -> None:
    """A resource type is named once (TagSpecifications)."""
    twice = [*tag_specs({"a": "1"}, "instance"), *tag_specs({"b": "2"}, "instance")]
    with refused("InvalidParameterValue"):
        launch(1, TagSpecifications=twice)
