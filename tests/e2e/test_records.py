"""The ledger and the A record, when somebody has been at them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reconciler.exit_codes import Exit
from tests.e2e.probes import has, live_instance, wait_for
from tests.e2e.zone import ask_dns, change_record, delete_record, said
from tests.support.company import LEDGER, RECORD, TRUSTING, Company, ask


def test_a_lost_ledger_is_unknown_until_it_is_recovered(adopted: Company) -> None:
    """Nothing is touched without a ledger; `recover` asks, and writes it above every generation."""
    adopted.up("v1.5.0")
    before, resources = said(adopted), adopted.resources()
    delete_record(adopted, LEDGER, "TXT")
    refused = adopted.deployer("up", "shop", "--ref", "v1.7.0")
    assert refused.code == Exit.REFUSED, refused
    assert "deployer recover shop" in refused.err
    swept = adopted.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    assert adopted.resources() == resources
    unasked = adopted.deployer("recover", "shop")
    assert unasked.code == Exit.USAGE, unasked
    has(unasked.err, before.live, *before.previous, "--yes")
    assert adopted.ledger() == ""
    adopted.ok("deployer", "recover", "shop", "--yes")
    after = said(adopted)
    assert (after.live, after.at, after.previous) == (before.live, before.at, before.previous)
    assert after.gen >= before.gen - 1  # the highest that a machine or a database has obeyed
    adopted.ok("deployer", "status", "shop", "--exit-code")
    adopted.ok("deployer", "rollback", "shop", "--discard-writes")
    assert adopted.version() == "v1.4.2"


def test_people_win(adopted: Company) -> None:
    """A record that a person moved stays where it is: `up` refuses, `adopt` accepts it."""
    old, original = live_instance(adopted), said(adopted).live
    machine = _cloned_by_hand(adopted, old)
    address = machine["PrivateIpAddress"]
    change_record(adopted, RECORD, "A", [address])
    refused = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, "somebody moved it", address, "deployer adopt shop")
    adopted.reconciler("sweep")
    assert adopted.pointed_at() == (address,)
    assert said(adopted).live == original
    rolled = adopted.deployer("rollback", "shop")
    assert rolled.code == Exit.REFUSED, rolled

    adopted.ok(
        "deployer", "adopt", "shop", *TRUSTING, "--release", "by-hand", "--replace", original
    )
    assert adopted.pointed_at() == (address,)
    ledger = said(adopted)
    assert (ledger.at, ledger.previous) == ((address,), (original,))
    adopted.ok("reconciler", "sweep")
    adopted.ok("deployer", "status", "shop", "--exit-code")
    adopted.up("v1.5.0")
    assert adopted.version() == "v1.5.0"
    assert {old["InstanceId"], machine["InstanceId"]} <= adopted.resources()["instance"]


def _cloned_by_hand(company: Company, machine: dict[str, Any]) -> dict[str, Any]:
    """Another machine like it, made in the console: image, launch, no tags."""
    ec2 = company.aws("ec2")
    often = {"Delay": 0.2, "MaxAttempts": 200}
    image = ec2.create_image(InstanceId=machine["InstanceId"], Name="by-hand", NoReboot=True)
    ec2.get_waiter("image_available").wait(ImageIds=[image["ImageId"]], WaiterConfig=often)
    [made] = ec2.run_instances(
        ImageId=image["ImageId"],
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        SubnetId=machine["SubnetId"],
        SecurityGroupIds=[one["GroupId"] for one in machine["SecurityGroups"]],
        KeyName=machine["KeyName"],
    )["Instances"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[made["InstanceId"]], WaiterConfig=often)
    address = made["PrivateIpAddress"]
    wait_for(lambda: ask(address, "/healthz")[0] == 200, "the machine made by hand serves")
    return dict(made)


@pytest.mark.parametrize("strange", ["weighted", "alias", "AAAA"])
def test_only_simple_records_are_handled(adopted: Company, strange: str) -> None:
    """Anything else at the name is refused in words, and nothing is touched."""
    before, resources = adopted.ledger(), adopted.resources()
    _make_strange(adopted, strange)
    refused = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    word = {"weighted": "weight", "alias": "alias", "AAAA": "AAAA"}[strange]
    has(refused.err, RECORD, word, "simple A record")
    swept = adopted.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    has(swept.out + swept.err, word)
    status = adopted.deployer("status", "shop")
    assert status.code == Exit.REFUSED, status
    has(status.out, word)
    [text] = ask_dns(adopted, LEDGER, "TXT")
    assert re.findall(r'"[^"]*"', text) == re.findall(r'"[^"]*"', before)
    assert adopted.resources() == resources


def _make_strange(company: Company, strange: str) -> None:
    if strange == "AAAA":
        change_record(company, RECORD, "AAAA", ["2001:db8::1"])
        return
    [address] = company.pointed_at()
    if strange == "alias":
        change_record(company, "other.example.test", "A", [address])
    delete_record(company, RECORD, "A")
    route53 = company.aws("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    record: dict[str, Any] = {"Name": RECORD, "Type": "A"}
    if strange == "weighted":
        record |= {"SetIdentifier": "a", "Weight": 10, "TTL": 60}
        record["ResourceRecords"] = [{"Value": address}]
    else:
        target = {"DNSName": "other.example.test", "EvaluateTargetHealth": False}
        record["AliasTarget"] = {"HostedZoneId": zone.removeprefix("/hostedzone/"), **target}
    route53.change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]},
    )
