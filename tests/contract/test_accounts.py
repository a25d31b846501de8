"""Accounts and regions: whose calls these are, and where they may go.

Source of each rule: the API reference of the action that a test names, unless it says more.
"""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from tests.contract.conftest import REGION, World
from tests.contract.helpers import refused

OTHER = "222233334444"


@pytest.fixture
def other(world: World) -> Any:
    """Clients of another account, by a role assumed there: (service, region) → client."""
    if world.ours is None:
        pytest.skip("wants a role in a second account")
    sts = world.client("sts")
    role = f"arn:aws:iam::{OTHER}:role/reconciler"
    lent = sts.assume_role(RoleArn=role, RoleSessionName="contract")["Credentials"]
    session = boto3.Session(
        aws_access_key_id=lent["AccessKeyId"],
        aws_secret_access_key=lent["SecretAccessKey"],
        aws_session_token=lent["SessionToken"],
    )
    endpoint = world.ours.server.endpoint
    made: dict[tuple[str, str], Any] = {}

    def client(service: str, region: str = REGION) -> Any:
        key = (service, region)
        if key not in made:
            made[key] = session.client(service, endpoint_url=endpoint, region_name=region)  # type: ignore[call-overload]
        return made[key]

    return client


def test_an_assumed_role_is_of_its_account(world: World, other: Any) -> None:
    """AssumeRole, GetCallerIdentity: what is done with the lent keys is done in that account."""
    assert other("sts").get_caller_identity()["Account"] == OTHER
    assert world.client("sts").get_caller_identity()["Account"] != OTHER


def test_accounts_and_regions_see_nothing_of_each_other(world: World, other: Any) -> None:
    """A volume is in one region of one account; elsewhere its id is of nothing."""
    ec2 = world.client("ec2")
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    volume = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    world.on_exit(lambda: ec2.delete_volume(VolumeId=volume))
    for elsewhere in (other("ec2"), world.client("ec2", "us-east-1")):
        with refused("InvalidVolume.NotFound"):
            elsewhere.describe_volumes(VolumeIds=[volume])
    assert volume in str(ec2.describe_volumes(VolumeIds=[volume]))


def test_only_enabled_regions_are_listed(world: World) -> None:
    """DescribeRegions: without AllRegions, those that want an opt-in and have none are left out."""
    ec2 = world.client("ec2")
    enabled = {one["RegionName"]: one for one in ec2.describe_regions()["Regions"]}
    every = {one["RegionName"] for one in ec2.describe_regions(AllRegions=True)["Regions"]}
    assert {"eu-west-1", "us-east-1"} <= enabled.keys() < every
    assert all(one["OptInStatus"] != "not-opted-in" for one in enabled.values())


def test_a_region_that_is_not_enabled_knows_no_credentials(world: World) -> None:
    """EC2 error codes: AuthFailure, "also if you attempt to access a Region not enabled"."""
    every = world.client("ec2").describe_regions(AllRegions=True)["Regions"]
    shut = next(one["RegionName"] for one in every if one["OptInStatus"] == "not-opted-in")
    with refused("AuthFailure"):
        world.client("ec2", shut).describe_tags()
