"""DryRun checks and does nothing. Source: EC2 API Reference, common parameters, DryRun."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mypy_boto3_ec2 import EC2Client

from tests.contract.conftest import SMALL
from tests.contract.helpers import describe, refused


def acts(ec2: EC2Client, running: str) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Calls that would change something, by name."""
    shown = describe(ec2, running)
    return {
        "run": (
            ec2.run_instances,
            {"ImageId": shown["ImageId"], "InstanceType": SMALL, "MinCount": 1, "MaxCount": 1},
        ),
        "terminate": (ec2.terminate_instances, {"InstanceIds": [running]}),
        "stop": (ec2.stop_instances, {"InstanceIds": [running]}),
        "reboot": (ec2.reboot_instances, {"InstanceIds": [running]}),
        "tag": (ec2.create_tags, {"Resources": [running], "Tags": [{"Key": "a", "Value": "b"}]}),
        "image": (ec2.create_image, {"InstanceId": running, "Name": "dry-run"}),
        "volume": (
            ec2.create_volume,
            {"Size": 1, "AvailabilityZone": shown["Placement"]["AvailabilityZone"]},
        ),
        "protect": (
            ec2.modify_instance_attribute,
            {"InstanceId": running, "DisableApiTermination": {"Value": True}},
        ),
        "address": (ec2.allocate_address, {"Domain": "vpc"}),
        "group": (ec2.create_security_group, {"GroupName": "dry", "Description": "x"}),
        "subnet": (ec2.create_subnet, {"VpcId": shown["VpcId"], "CidrBlock": _free_block(shown)}),
        "vpc": (ec2.create_vpc, {"CidrBlock": "10.9.0.0/16"}),
        "key": (ec2.create_key_pair, {"KeyName": "dry"}),
    }


def _free_block(shown: Any) -> str:
    """A block of the instance's network that no default subnet has."""
    return ".".join([*shown["PrivateIpAddress"].split(".")[:2], "250.0/24"])


ACTS = (
    "run",
    "terminate",
    "stop",
    "reboot",
    "tag",
    "image",
    "volume",
    "protect",
    "address",
    "group",
    "subnet",
    "vpc",
    "key",
)


@pytest.mark.parametrize("name", ACTS)
def test_nothing_happens(ec2: EC2Client, running: str, name: str) -> None:
    """DryRunOperation, and the world is as it was."""
    before = picture(ec2, running)
    call, asked = acts(ec2, running)[name]
    with refused("DryRunOperation"):
        call(DryRun=True, **asked)
    assert picture(ec2, running) == before


def picture(ec2: EC2Client, running: str) -> dict[str, Any]:
    """What such a call could have changed."""
    return {
        "instance": describe(ec2, running),
        "instances": len(ec2.describe_instances()["Reservations"]),
        "volumes": len(ec2.describe_volumes()["Volumes"]),
        "images": len(ec2.describe_images(Owners=["self"])["Images"]),
        "addresses": len(ec2.describe_addresses()["Addresses"]),
        "groups": len(ec2.describe_security_groups()["SecurityGroups"]),
        "subnets": len(ec2.describe_subnets()["Subnets"]),
        "vpcs": len(ec2.describe_vpcs()["Vpcs"]),
        "keys": len(ec2.describe_key_pairs()["KeyPairs"]),
        "protected": ec2.describe_instance_attribute(
            InstanceId=running, Attribute="disableApiTermination"
        )["DisableApiTermination"]["Value"],
    }


def test_a_dry_run_finds_what_is_wrong(ec2: EC2Client) -> None:
    """The request is checked all the same (DryRun)."""
    with refused("InvalidInstanceID.NotFound"):
        ec2.terminate_instances(InstanceIds=["i-0123456789abcdef0"], DryRun=True)
