"""What `deployer init` finds out by itself, asked of the strict sandbox API."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.aws.discovery import RecordHome, discover
from deployer.sandbox.aws.server import ACCOUNT
from reconciler.errors import ConfigError
from tests.support.aws_api import Api

RECORD = "shop.example.com"


def record(api: Api, **what: Any) -> None:
    """The record, in a new zone."""
    route53 = api.aws.route53_once
    zone = route53.create_hosted_zone(Name="example.com", CallerReference="one")["HostedZone"]["Id"]
    change: Any = {"Action": "CREATE", "ResourceRecordSet": {"Name": RECORD, "Type": "A", **what}}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})


def at(address: str) -> dict[str, Any]:
    """A simple record."""
    return {"TTL": 60, "ResourceRecords": [{"Value": address}]}


@pytest.mark.parametrize("kind", ["PrivateIpAddress", "PublicIpAddress"])
def test_the_machine_of_the_record_says_account_and_region(
    api: Api, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """By its public address or its private one, in another region than that of the credentials."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    (id_,) = api.machines(birth=None, InstanceType="t3.small")
    found = api.ec2.describe_instances(InstanceIds=[id_])["Reservations"][0]["Instances"][0]
    record(api, **at(found[kind]))
    assert discover(RECORD) == RecordHome(ACCOUNT, "eu-west-1", f"{id_} (t3.small)")


def test_an_address_that_no_machine_has_leaves_the_region_to_people(api: Api) -> None:
    """Nothing is guessed; a region that is given is taken, without a machine."""
    record(api, **at("192.0.2.7"))
    with pytest.raises(ConfigError, match=r"leads to 192\.0\.2\.7") as refused:
        discover(RECORD)
    assert "--region" in str(refused.value.cure)
    assert discover(RECORD, region="eu-west-1") == RecordHome(ACCOUNT, "eu-west-1")


@pytest.mark.parametrize(
    "name",
    ["shop-1.eu-central-1.elb.amazonaws.com", "shop-1.elb.eu-central-1.amazonaws.com"],
)
def test_an_alias_of_a_load_balancer_says_the_region(api: Api, name: str) -> None:
    """Of either generation of names: application and network load balancers."""
    target = {"HostedZoneId": "Z32O12XQLNTSW2", "DNSName": name, "EvaluateTargetHealth": False}
    record(api, AliasTarget=target)
    assert discover(RECORD) == RecordHome(ACCOUNT, "eu-central-1", f"the load balancer {name}")
