"""What the contract tests say again and again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_ec2 import EC2Client
from mypy_boto3_route53 import Route53Client

PATIENCE = 900.0 if os.environ.get("CONTRACT_PROFILE") else 10.0
PACE = 5.0 if os.environ.get("CONTRACT_PROFILE") else 0.02
"""Seconds between two looks: a real account is not asked fifty times a second."""
RUN = "contract-run"
"""The tag that a run on a real account gives to whatever it makes (account.py)."""

FREE_TAGS = 49 if {"CONTRACT_PROFILE", "CONTRACT_REHEARSAL"} & os.environ.keys() else 50
"""How many tags a rule may give to one thing."""

T = TypeVar("T")
Launch = Callable[..., list[str]]


@contextmanager
def refused(*codes: str) -> Iterator[None]:
    """The call must be refused with one of these error codes."""
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] in codes, str(caught.value)


def eventually(look: Callable[[], T], *, patience: float = PATIENCE) -> T:
    """What `look` returns as soon as it is true."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(PACE)
    return found


def describe(ec2: EC2Client, instance_id: str) -> Any:
    """One instance, as DescribeInstances shows it."""
    return ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]


def state_of(ec2: EC2Client, instance_id: str) -> str:
    """Its state's name."""
    return str(describe(ec2, instance_id)["State"]["Name"])


def wait_for_state(ec2: EC2Client, instance_id: str, state: str) -> None:
    """Until the instance is in that state."""
    eventually(lambda: state_of(ec2, instance_id) == state)


def tag_specs(tags: dict[str, str], *kinds: str) -> list[Any]:
    """TagSpecifications that give each kind these tags."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"ResourceType": kind, "Tags": listed} for kind in kinds]


def as_dict(tags: Any) -> dict[str, str]:
    """AWS's list of tags as a dict."""
    return {tag["Key"]: tag["Value"] for tag in tags}


def record(name: str, kind: str, *values: str, ttl: int = 60, **more: Any) -> dict[str, Any]:
    """A resource record set."""
    listed = [{"Value": value} for value in values]
    return {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": listed, **more}


def change(route53: Route53Client, zone: str, *changes: tuple[str, dict[str, Any]]) -> str:
    """One batch of (action, record set); returns the change's id."""
    batch: Any = [{"Action": action, "ResourceRecordSet": one} for action, one in changes]
    answer = route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": batch})
    return answer["ChangeInfo"]["Id"]


def records(route53: Route53Client, zone: str) -> dict[tuple[str, str], list[str]]:
    """Values by (name, type), without the zone's own NS and SOA."""
    found: Any = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {
        (one["Name"], one["Type"]): [item["Value"] for item in one.get("ResourceRecords", [])]
        for one in found
        if one["Type"] not in ("NS", "SOA")
    }
