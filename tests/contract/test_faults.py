"""The fault door: what it does to a call, and that it does it as often as asked.

Source of the replies' forms: aws.md §1 and §4.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from mypy_boto3_ec2 import EC2Client
from mypy_boto3_route53 import Route53Client

from deployer.sandbox.aws import AwsServer
from deployer.sandbox.faults import FaultClient, FaultRule
from tests.contract.conftest import World
from tests.contract.helpers import Launch, change, describe, eventually, record, records, refused

TOKEN = "the-token"
HOUR, INSTANT = 3600.0, 0.01
"""Lags that end for nothing that a test has just made, and for all of it."""


def count(ec2: EC2Client) -> int:
    """How many instances there are."""
    return sum(len(part["Instances"]) for part in ec2.describe_instances()["Reservations"])


def test_throttled_in_ec2s_words(ec2: EC2Client, launch: Launch, faults: FaultClient) -> None:
    """503 RequestLimitExceeded, nothing done (ec2-api-throttling)."""
    faults.set("RunInstances", "throttle")
    with refused("RequestLimitExceeded"):
        launch(1)
    assert count(ec2) == 0
    launch(1)
    assert count(ec2) == 1


def test_throttled_in_route53s_words(
    route53: Route53Client, zone: str, faults: FaultClient
) -> None:
    """400 Throttling (DNSLimitations)."""
    faults.set("route53:ChangeResourceRecordSets", "throttle")
    with refused("Throttling"):
        change(route53, zone, ("CREATE", record("a.contract.test", "A", "192.0.2.1")))
    assert records(route53, zone) == {}


@pytest.mark.parametrize("service", ["ssm", "s3", "sts"])
def test_throttled_in_every_protocol(world: World, faults: FaultClient, service: str) -> None:
    """JSON, REST and query services say it in their own form (their API references)."""
    calls: dict[str, Callable[[Any], Any]] = {
        "ssm": lambda client: client.describe_parameters(),
        "s3": lambda client: client.list_buckets(),
        "sts": lambda client: client.get_caller_identity(),
    }
    faults.set(f"{service}:*", "throttle")
    client = world.client(service)
    with refused("ThrottlingException", "SlowDown", "Throttling"):
        calls[service](client)
    calls[service](client)


def test_an_internal_error_does_nothing(
    ec2: EC2Client, launch: Launch, faults: FaultClient
) -> None:
    """HTTP 500 (EC2 error codes, InternalError)."""
    faults.set("RunInstances", "error500")
    with refused("InternalError"):
        launch(1)
    assert count(ec2) == 0


def test_an_error_of_ones_own(launch: Launch, faults: FaultClient) -> None:
    """Any code and status (EC2 error codes, InsufficientInstanceCapacity)."""
    faults.set("RunInstances", "error", code="InsufficientInstanceCapacity", status=500)
    with refused("InsufficientInstanceCapacity"):
        launch(1)


def test_calls_of_one_access_key_alone(world: World, launch: Launch, faults: FaultClient) -> None:
    """A session that has ended is refused, and whoever has another goes on."""
    role = "arn:aws:iam::123456789012:role/deployer"
    sts = world.client("sts")
    lent = sts.assume_role(RoleArn=role, RoleSessionName="one")["Credentials"]
    ended = boto3.client(
        "ec2",
        region_name=sts.meta.region_name,
        endpoint_url=sts.meta.endpoint_url,
        aws_access_key_id=lent["AccessKeyId"],
        aws_secret_access_key=lent["SecretAccessKey"],
        aws_session_token=lent["SessionToken"],
    )
    assert ended.describe_instances()["Reservations"] == []
    key = lent["AccessKeyId"]
    faults.set("*", "error", code="ExpiredToken", status=403, times=0, key=key)
    launch()
    with refused("ExpiredToken"):
        ended.describe_instances()


def test_a_lost_reply(ec2: EC2Client, launch: Launch, faults: FaultClient) -> None:
    """Done, but the client never hears of it; the token finds what it made (aws.md §1)."""
    faults.set("RunInstances", "drop_reply")
    with pytest.raises(ConnectionClosedError):
        launch(1, ClientToken=TOKEN)
    assert count(ec2) == 1
    (made,) = launch(1, ClientToken=TOKEN)
    assert describe(ec2, made)["ClientToken"] == TOKEN
    assert count(ec2) == 1


def test_a_late_execution(
    world: World, route53: Route53Client, zone: str, faults: FaultClient, server: AwsServer
) -> None:
    """Carried out although its client gave up long ago (protocol.md, rule 10)."""
    faults.set("ChangeResourceRecordSets", "delay", seconds=1.2)
    hasty = world.clients.hasty("route53", 0.3)
    with pytest.raises(ReadTimeoutError):
        change(hasty, zone, ("CREATE", record("a.contract.test", "A", "192.0.2.1")))
    assert records(route53, zone) == {}
    eventually(lambda: records(route53, zone) != {})
    assert server.faults.rules() == []


def test_a_late_execution_does_not_outlive_a_reset(
    world: World, route53: Route53Client, zone: str, faults: FaultClient, server: AwsServer
) -> None:
    """A request of an earlier life is void (our own rule: tests must not disturb each other)."""
    faults.set("CreateHostedZone", "delay", seconds=0.8)
    hasty = world.clients.hasty("route53", 0.2)
    with pytest.raises(ReadTimeoutError):
        hasty.create_hosted_zone(Name="late.test", CallerReference="late")
    server.reset()
    assert zone
    time.sleep(1)
    assert route53.list_hosted_zones()["HostedZones"] == []


def test_delivered_twice(ec2: EC2Client, launch: Launch, faults: FaultClient) -> None:
    """Executed twice; a token makes that harmless, without one it doubles (aws.md §6)."""
    faults.set("RunInstances", "duplicate")
    launch(1, ClientToken=TOKEN)
    assert count(ec2) == 1
    faults.set("RunInstances", "duplicate")
    launch(1, ClientToken="")
    assert count(ec2) == 3


def test_a_second_delivery_later(route53: Route53Client, zone: str, faults: FaultClient) -> None:
    """A delayed duplicate of an old swap finds another value there (protocol.md)."""
    a = record("a.contract.test", "TXT", '"gen=1"')
    b = record("a.contract.test", "TXT", '"gen=2"')
    change(route53, zone, ("CREATE", a))
    faults.set("ChangeResourceRecordSets", "duplicate", seconds=0.3)
    change(route53, zone, ("DELETE", a), ("CREATE", b))
    statuses = eventually(
        lambda: len(found := _statuses(faults, "ChangeResourceRecordSets")) == 3 and found
    )
    assert statuses == [200, 200, 400]
    assert records(route53, zone)[("a.contract.test.", "TXT")] == ['"gen=2"']


def _statuses(faults: FaultClient, action: str) -> list[int]:
    return [one["status"] for one in faults.requests() if one["action"] == action]


def test_some_pass_before_and_some_are_struck(launch: Launch, faults: FaultClient) -> None:
    """`skip` passes, then `times` strikes, then it is over."""
    faults.set("RunInstances", "throttle", skip=1, times=2)
    launch(1)
    for _ in range(2):
        with refused("RequestLimitExceeded"):
            launch(1)
    launch(1)
    assert faults.list()["rules"] == []


def test_always_until_cleared(launch: Launch, faults: FaultClient) -> None:
    """`times` 0 never ends by itself."""
    faults.set("RunInstances", "throttle", times=0)
    for _ in range(3):
        with refused("RequestLimitExceeded"):
            launch(1)
    assert faults.list()["rules"][0]["hits"] == 3
    faults.clear()
    launch(1)


def test_changes_alone(ec2: EC2Client, launch: Launch, faults: FaultClient) -> None:
    """`mutating` strikes what changes something, and neither reads nor dry runs."""
    (made,) = launch(1)
    faults.set("mutating", "throttle", times=0)
    describe(ec2, made)
    with refused("DryRunOperation"):
        ec2.terminate_instances(InstanceIds=[made], DryRun=True)
    with refused("RequestLimitExceeded"):
        ec2.terminate_instances(InstanceIds=[made])


@pytest.mark.parametrize(
    "rule",
    [FaultRule("RunInstances", "earthquake"), {"action": "x", "kind": "delay", "colour": "red"}],
)
def test_nonsense_is_refused(faults: FaultClient, rule: Any) -> None:
    """Unknown kinds and fields are an error, in words."""
    if isinstance(rule, FaultRule):
        with pytest.raises(ValueError, match="earthquake"):
            faults.add(rule)
    else:
        with pytest.raises(TypeError):
            faults.set(**rule)
    assert faults.list()["rules"] == []


def test_things_are_hidden_while_they_are_young(
    ec2: EC2Client, launch: Launch, faults: FaultClient
) -> None:
    """Neither listed nor described by id at first: eventual consistency (EC2 Developer Guide)."""
    faults.lag(HOUR)
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "deploy-id", "Value": "x"}]}]
    (made,) = launch(1, ClientToken=TOKEN, TagSpecifications=tags)
    assert count(ec2) == 0
    assert ec2.describe_tags()["Tags"] == []
    with refused("InvalidInstanceID.NotFound"):
        describe(ec2, made)
    with refused("InvalidInstanceID.NotFound"):
        ec2.terminate_instances(InstanceIds=[made])
    assert launch(1, ClientToken=TOKEN, TagSpecifications=tags) == [made]
    faults.lag(INSTANT)
    eventually(lambda: count(ec2) == 1)
    assert len(ec2.describe_tags()["Tags"]) == 1
    describe(ec2, made)


def test_a_label_is_old_for_a_while(ec2: EC2Client, running: str, faults: FaultClient) -> None:
    """DescribeTags shows what stood there before (EC2 Developer Guide)."""
    for value in ("pending", "live"):
        ec2.create_tags(Resources=[running], Tags=[{"Key": "deploy-state", "Value": value}])
    faults.lag(HOUR)
    assert [one["Value"] for one in ec2.describe_tags()["Tags"]] in ([], ["pending"])
    faults.lag(INSTANT)
    eventually(lambda: [one["Value"] for one in ec2.describe_tags()["Tags"]] == ["live"])


def test_the_journal_tells_what_was_asked(
    ec2: EC2Client, launch: Launch, faults: FaultClient
) -> None:
    """seq, time, service, action, status and whether it changes something."""
    seen = max((one["seq"] for one in faults.requests()), default=0)
    launch(1)
    with refused("InvalidInstanceID.NotFound"):
        describe(ec2, "i-0123456789abcdef0")
    entries = faults.requests(since=seen)
    assert [(e["service"], e["action"], e["status"], e["mutating"]) for e in entries] == [
        ("ec2", "RunInstances", 200, True),
        ("ec2", "DescribeInstances", 400, False),
    ]
    assert entries[0]["time"] <= entries[1]["time"] <= time.time()
