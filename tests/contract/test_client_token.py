"""RunInstances' ClientToken: a retried launch launches once.

Sources: EC2 Developer Guide, "Ensuring idempotency"; EC2 error codes; aws.md §1.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from mypy_boto3_ec2 import EC2Client

from tests.contract.conftest import SMALL
from tests.contract.helpers import Launch, describe, refused, tag_specs, wait_for_state

TOKEN = "shop/20261123T031502Z-7kq2m"


def everything(ec2: EC2Client) -> list[str]:
    """The ids of all instances that carry the token."""
    asked = ec2.describe_instances(Filters=[{"Name": "client-token", "Values": [TOKEN]}])
    return [one["InstanceId"] for part in asked["Reservations"] for one in part["Instances"]]


def test_a_replay_returns_the_same_instances(ec2: EC2Client, launch: Launch) -> None:
    """Same token and parameters: success, and no new instance (idempotency)."""
    tags = tag_specs({"deploy-id": "x"}, "instance", "volume")
    first = launch(3, ClientToken=TOKEN, TagSpecifications=tags)
    again = launch(3, ClientToken=TOKEN, TagSpecifications=tags)
    assert again == first
    assert sorted(everything(ec2)) == sorted(first)


def test_other_parameters_do_not_match(ec2: EC2Client, launch: Launch) -> None:
    """Same token, other parameters: IdempotentParameterMismatch (idempotency)."""
    first = launch(1, ClientToken=TOKEN)
    for other in ({"count": 2}, {"InstanceType": "t3.small"}):
        with refused("IdempotentParameterMismatch"):
            launch(**{"count": 1, "ClientToken": TOKEN, **other})
    with refused("IdempotentParameterMismatch"):
        launch(1, ClientToken=TOKEN, TagSpecifications=tag_specs({"a": "b"}, "instance"))
    assert everything(ec2) == first


def test_a_terminated_instances_token_is_spent(ec2: EC2Client, launch: Launch) -> None:
    """IdempotentInstanceTerminated: a relaunch needs a new token (EC2 error codes)."""
    first = launch(1, ClientToken=TOKEN)
    ec2.terminate_instances(InstanceIds=first)
    wait_for_state(ec2, first[0], "terminated")
    with refused("IdempotentInstanceTerminated"):
        launch(1, ClientToken=TOKEN)


def test_the_token_is_zonal_where_a_zone_is_given(ec2: EC2Client, launch: Launch) -> None:
    """Zonal: the token launches again in another Availability Zone (idempotency)."""
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    first, second = (one["ZoneName"] for one in zones[:2])
    here = launch(1, ClientToken=TOKEN, Placement={"AvailabilityZone": first})
    there = launch(1, ClientToken=TOKEN, Placement={"AvailabilityZone": second})
    assert here != there
    assert launch(1, ClientToken=TOKEN, Placement={"AvailabilityZone": first}) == here


def test_the_token_is_shown_and_found(ec2: EC2Client, launch: Launch) -> None:
    """Instance.ClientToken and the filter `client-token` (DescribeInstances)."""
    (made,) = launch(1, ClientToken=TOKEN)
    launch(1)
    assert describe(ec2, made)["ClientToken"] == TOKEN
    assert everything(ec2) == [made]


def test_without_a_token_every_call_launches(launch: Launch) -> None:
    """A token that differs each time (botocore's default) protects against nothing (aws.md §6)."""
    assert set(launch(1)).isdisjoint(launch(1))


def test_replays_at_the_same_moment(ec2: EC2Client, image: str, launch: Launch) -> None:
    """However many arrive at once, the instances are made once (idempotency)."""
    launch(1)
    asked = {"ImageId": image, "InstanceType": SMALL, "MinCount": 2, "MaxCount": 2}

    def run(_: int) -> tuple[str, ...]:
        made = ec2.run_instances(ClientToken=TOKEN, **asked)  # type: ignore[arg-type]
        return tuple(one["InstanceId"] for one in made["Instances"])

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(run, range(6)))) == 1
    assert len(everything(ec2)) == 2


def test_a_token_has_at_most_64_characters(launch: Launch) -> None:
    """Up to 64 ASCII characters (RunInstances, ClientToken)."""
    with refused("InvalidParameterValue"):
        launch(1, ClientToken="x" * 65)
