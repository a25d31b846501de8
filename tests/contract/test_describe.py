"""Describes: ids, filters and their limits.

Sources: DescribeInstances; EC2 User Guide, "Filter"; EC2 error codes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mypy_boto3_ec2 import EC2Client

from tests.contract.helpers import Launch, describe, refused, tag_specs, wait_for_state

DESCRIBES: list[tuple[str, str, str]] = [
    ("describe_instances", "InstanceIds", "i"),
    ("describe_volumes", "VolumeIds", "vol"),
    ("describe_network_interfaces", "NetworkInterfaceIds", "eni"),
    ("describe_snapshots", "SnapshotIds", "snap"),
    ("describe_images", "ImageIds", "ami"),
    ("describe_addresses", "AllocationIds", "eipalloc"),
]


def instances(ec2: EC2Client, **filters: list[str]) -> list[str]:
    """Ids of the instances that pass; `_` stands for `-` in a filter's name."""
    asked: Any = [{"Name": k.replace("_", "-"), "Values": v} for k, v in filters.items()]
    found = ec2.describe_instances(Filters=asked)["Reservations"]
    return [one["InstanceId"] for part in found for one in part["Instances"]]


@pytest.mark.parametrize(("operation", "ids", "prefix"), DESCRIBES)
def test_unknown_ids_are_an_error(ec2: EC2Client, operation: str, ids: str, prefix: str) -> None:
    """Never an empty list: `NotFound`, by its kind's code (EC2 error codes)."""
    ask: Callable[..., Any] = getattr(ec2, operation)
    with pytest.raises(ec2.exceptions.ClientError, match=r"\.NotFound"):
        ask(**{ids: [f"{prefix}-0123456789abcdef0"]})


@pytest.mark.parametrize(("operation", "ids", "prefix"), DESCRIBES)
def test_malformed_ids_are_an_error(ec2: EC2Client, operation: str, ids: str, prefix: str) -> None:
    """`Malformed`, by its kind's code (EC2 error codes)."""
    ask: Callable[..., Any] = getattr(ec2, operation)
    with pytest.raises(ec2.exceptions.ClientError, match=r"Malformed|InvalidParameterValue"):
        ask(**{ids: [f"{prefix}-nonsense"]})


@pytest.mark.parametrize(("operation", "ids", "prefix"), DESCRIBES)
def test_unknown_filters_are_refused(ec2: EC2Client, operation: str, ids: str, prefix: str) -> None:
    """InvalidParameterValue: an ignored filter would return everything (EC2 error codes)."""
    ask: Callable[..., Any] = getattr(ec2, operation)
    with refused("InvalidParameterValue"):
        ask(Filters=[{"Name": f"no-such-{prefix}-{ids}", "Values": ["x"]}])


@pytest.mark.parametrize(
    "operation",
    [
        "describe_vpcs",
        "describe_subnets",
        "describe_security_groups",
        "describe_key_pairs",
        "describe_tags",
        "describe_instance_status",
    ],
)
def test_unknown_filters_are_refused_elsewhere_too(ec2: EC2Client, operation: str) -> None:
    """InvalidParameterValue, for every kind (EC2 error codes)."""
    ec2.create_key_pair(KeyName="contract")
    ask: Callable[..., Any] = getattr(ec2, operation)
    try:
        with refused("InvalidParameterValue"):
            ask(Filters=[{"Name": "no-such-filter", "Values": ["x"]}])
    finally:
        ec2.delete_key_pair(KeyName="contract")


def test_filters_are_anded_and_values_ored(ec2: EC2Client, launch: Launch) -> None:
    """All filters must match, by any of their values (Filter)."""
    (red,) = launch(1, TagSpecifications=tag_specs({"colour": "red", "shape": "x"}, "instance"))
    (blue,) = launch(1, TagSpecifications=tag_specs({"colour": "blue"}, "instance"))
    launch(1)
    colours: dict[str, list[str]] = {"tag:colour": ["red", "blue"]}
    assert sorted(instances(ec2, **colours)) == sorted([red, blue])
    assert instances(ec2, **colours, **{"tag:shape": ["x"]}) == [red]


def test_wildcards(ec2: EC2Client, launch: Launch) -> None:
    """`*` and `?`, escaped by a backslash; values are case-sensitive (Filter)."""
    (made,) = launch(1, TagSpecifications=tag_specs({"name": "Shop-1*"}, "instance"))
    for good in ("Shop-1*", "Shop-*", "Sho?-??", r"Shop-1\*"):
        assert instances(ec2, **{"tag:name": [good]}) == [made], good
    for bad in ("shop-1*", "Shop", r"Shop\*", "Shop-?"):
        assert instances(ec2, **{"tag:name": [bad]}) == [], bad


def test_tag_key_and_state(ec2: EC2Client, launch: Launch) -> None:
    """`tag-key` and `instance-state-name` (DescribeInstances)."""
    (made,) = launch(1, TagSpecifications=tag_specs({"deploy-id": "x"}, "instance"))
    wait_for_state(ec2, made, "running")
    assert instances(ec2, tag_key=["deploy-*"], instance_state_name=["running"]) == [made]
    assert instances(ec2, tag_key=["deploy-id"], instance_state_name=["stopped"]) == []


def test_documented_filters_of_instances(ec2: EC2Client, launch: Launch) -> None:
    """Each finds the instance by what describe shows of it (DescribeInstances)."""
    (made,) = launch(1)
    wait_for_state(ec2, made, "running")
    shown = describe(ec2, made)
    reservation = ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["ReservationId"]
    block = shown["BlockDeviceMappings"][0]
    launched = shown["LaunchTime"].strftime("%Y-%m-%dT%H:%M:%S.000Z")
    for name, value in {
        "instance-id": made,
        "image-id": shown["ImageId"],
        "instance-type": shown["InstanceType"],
        "private-ip-address": shown["PrivateIpAddress"],
        "subnet-id": shown["SubnetId"],
        "vpc-id": shown["VpcId"],
        "availability-zone": shown["Placement"]["AvailabilityZone"],
        "reservation-id": reservation,
        "block-device-mapping.volume-id": block["Ebs"]["VolumeId"],
        "block-device-mapping.delete-on-termination": "true",
        "launch-time": launched[:-9] + "*",
        "instance.group-id": shown["SecurityGroups"][0]["GroupId"],
        "network-interface.network-interface-id": (
            shown["NetworkInterfaces"][0]["NetworkInterfaceId"]
        ),
        "instance-state-code": "16",
    }.items():
        assert made in instances(ec2, **{name: [value]}), name
        assert made not in instances(ec2, **{name: ["nothing"]}), name


def test_no_spot_instance_among_those_on_demand(ec2: EC2Client, launch: Launch) -> None:
    """`instance-lifecycle` matches spot and scheduled alone (DescribeInstances)."""
    launch(1)
    assert instances(ec2, instance_lifecycle=["spot"]) == []


def test_more_than_200_values(ec2: EC2Client) -> None:
    """At most 200 values in a request (Filter): FilterLimitExceeded."""
    with refused("FilterLimitExceeded", "InvalidParameterValue"):
        instances(ec2, **{"tag:x": [str(number) for number in range(201)]})
    assert instances(ec2, **{"tag:x": [str(number) for number in range(200)]}) == []


def test_volumes_interfaces_and_images_by_what_they_belong_to(ec2: EC2Client, running: str) -> None:
    """The filters by which a clean-up finds what hangs on an instance (Describe…)."""
    shown = describe(ec2, running)
    by_instance: Any = [{"Name": "attachment.instance-id", "Values": [running]}]
    (volume,) = ec2.describe_volumes(Filters=by_instance)["Volumes"]
    assert volume["VolumeId"] == shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    (interface,) = ec2.describe_network_interfaces(Filters=by_instance)["NetworkInterfaces"]
    assert interface["PrivateIpAddress"] == shown["PrivateIpAddress"]


def test_owners_but_ourselves_have_nothing(ec2: EC2Client, image: str) -> None:
    """Owners=self are our images; another account's are not (DescribeImages)."""
    mine = ec2.describe_images(Owners=["self"])["Images"]
    assert image in [one["ImageId"] for one in mine]
    assert ec2.describe_images(Owners=["210987654321"])["Images"] == []
