"""What the AWS CLI, Ansible's amazon.aws and Cloud Custodian ask beside us, and no HTTP 500.

Sources: the data type Instance; DescribeSecurityGroupReferences; GetEbsDefaultKmsKeyId;
TestDNSAnswer (Route 53 API); VPC User Guide, "Default security groups"; GetProducts (Pricing API).
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from mypy_boto3_ec2 import EC2Client
from mypy_boto3_route53 import Route53Client

from deployer.sandbox.aws import AwsServer
from tests.contract.conftest import World
from tests.contract.helpers import Launch, describe, refused, wait_for_state

SERVICES = ("ec2", "elbv2", "route53", "rds", "ssm", "sts", "iam", "s3", "pricing")
DEEP = 3
"""So many structures below the request are filled in."""
PLAIN: dict[str, Any] = {
    "boolean": True,
    "integer": 5,
    "long": 5,
    "float": 1.5,
    "double": 1.5,
    "timestamp": "2026-11-30T00:00:00Z",
    "blob": b"x",
}
READING = ("Describe", "Get", "List")
REFUSALS = (ClientError, BotoCoreError, ValueError, TypeError, AttributeError)
"""By the API; the last four where botocore does not even send it."""


def test_an_instance_says_what_its_type_is(ec2: EC2Client, launch: Launch) -> None:
    """Cores, enhanced networking and platform always; a reason only where there is one."""
    (machine,) = launch(1, InstanceType="t3.small")
    wait_for_state(ec2, machine, "running")
    shown = describe(ec2, machine)
    assert shown["CpuOptions"] == {"CoreCount": 1, "ThreadsPerCore": 2}
    assert shown["EnaSupport"] is True
    assert shown["PlatformDetails"] == "Linux/UNIX"
    assert "StateReason" not in shown
    ec2.terminate_instances(InstanceIds=[machine])
    wait_for_state(ec2, machine, "terminated")
    assert describe(ec2, machine)["StateReason"]["Code"] == "Client.UserInitiatedShutdown"


def test_a_default_group_lets_its_own_members_in(world: World, ec2: EC2Client) -> None:
    """Of the default network as of any other."""
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    world.on_exit(lambda: ec2.delete_vpc(VpcId=vpc))
    named: Any = [{"Name": "group-name", "Values": ["default"]}]
    groups = ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    assert vpc in {one["VpcId"] for one in groups}
    for group in groups:
        [rule] = group["IpPermissions"]
        assert rule["IpProtocol"] == "-1"
        assert [one["GroupId"] for one in rule["UserIdGroupPairs"]] == [group["GroupId"]]


def test_a_network_is_deleted_with_its_default_group(ec2: EC2Client) -> None:
    """The group names itself, which keeps nothing."""
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    ec2.delete_vpc(VpcId=vpc)
    found = ec2.describe_security_groups()["SecurityGroups"]
    assert vpc not in {one["VpcId"] for one in found}


def test_no_peered_network_names_a_group(ec2: EC2Client) -> None:
    """An unknown group is an error."""
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    found = ec2.describe_security_group_references(GroupId=[group])
    assert found["SecurityGroupReferenceSet"] == []
    with refused("InvalidGroup.NotFound"):
        ec2.describe_security_group_references(GroupId=["sg-0123456789abcdef0"])


def test_disks_are_encrypted_with_awss_key_by_default(ec2: EC2Client) -> None:
    """Where nobody has chosen another."""
    assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"


def test_a_zone_says_what_it_would_answer(world: World, route53: Route53Client) -> None:
    """As a name server does: the values, no values of that type, or no such name."""
    made = route53.create_hosted_zone(Name="tools.test", CallerReference=str(uuid.uuid4()))
    zone = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
    assert zone.startswith("Z")
    record: Any = {"Name": "www.tools.test", "Type": "A", "TTL": 60}
    record["ResourceRecords"] = [{"Value": "192.0.2.1"}]
    for action in ("CREATE", "DELETE"):
        batch: Any = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}

        def change(batch: Any = batch) -> None:
            route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)

        change() if action == "CREATE" else world.on_exit(change)
    world.on_exit(lambda: route53.delete_hosted_zone(Id=zone))

    def answer(name: str, kind: Any) -> tuple[str, list[str]]:
        said = route53.test_dns_answer(HostedZoneId=zone, RecordName=name, RecordType=kind)
        return said["ResponseCode"], said["RecordData"]

    assert answer("www.tools.test", "A") == ("NOERROR", ["192.0.2.1"])
    assert answer("WWW.tools.test.", "AAAA") == ("NOERROR", [])
    assert answer("nobody.tools.test", "A") == ("NXDOMAIN", [])


def test_a_price_list_is_answered(world: World) -> None:
    """One product where every attribute is named, its price on demand; else page by page."""
    pricing = world.client("pricing", "us-east-1")
    named = {
        "instanceType": "t3.micro",
        "regionCode": "eu-west-1",
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "tenancy": "Shared",
    }

    def ask(**wanted: Any) -> Any:
        alike = [{"Type": "TERM_MATCH", "Field": f, "Value": v} for f, v in named.items()]
        return pricing.get_products(ServiceCode="AmazonEC2", Filters=alike, **wanted)

    [product] = map(json.loads, ask()["PriceList"])
    assert product["product"]["productFamily"] == "Compute Instance"
    [offer] = product["terms"]["OnDemand"].values()
    [rate] = offer["priceDimensions"].values()
    assert rate["unit"] == "Hrs"
    assert 0.001 < float(rate["pricePerUnit"]["USD"]) < 1
    del named["tenancy"]
    first = ask(MaxResults=1)
    second = ask(MaxResults=1, NextToken=first["NextToken"])
    assert len(first["PriceList"]) == len(second["PriceList"]) == 1
    assert first["PriceList"] != second["PriceList"]
    for wrong in (0, 101):
        with refused("InvalidParameterException"):
            ask(MaxResults=wrong)


def value_for(shape: Any, depth: int = 0) -> Any:
    """A value of a shape of the API's model: whatever its type allows, not what makes sense."""
    kind = shape.type_name
    if kind == "structure":
        wanted = shape.required_members if depth else shape.members
        filled = wanted if depth < DEEP else ()
        return {name: value_for(shape.members[name], depth + 1) for name in filled}
    if kind == "list":
        return [value_for(shape.member, depth + 1)]
    if kind == "map":
        return {"key": value_for(shape.value, depth + 1)}
    return PLAIN.get(kind) or next(iter(getattr(shape, "enum", ())), "nonsense")


def requests(client: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation with all that it can be given, a reading one with what it needs as well."""
    for method, name in client.meta.method_to_api_mapping.items():
        shape = client.meta.service_model.operation_model(name).input_shape
        if shape is None:
            yield method, {}
            continue
        if name.startswith(READING):
            yield method, {one: value_for(shape.members[one], 1) for one in shape.required_members}
        yield method, {**value_for(shape), **_fitting(shape.members)}


def _fitting(members: Any) -> dict[str, Any]:
    """What must fit the rest: no dry run, and no more bytes are announced than are sent.

    A server would wait for those until the client gives up.
    """
    wanted = {"DryRun": False, "ContentLength": len(PLAIN["blob"])}
    return {name: value for name, value in wanted.items() if name in members}


@pytest.mark.parametrize("service", SERVICES)
def test_no_request_is_answered_with_a_500(
    world: World, server: AwsServer, image: str, service: str
) -> None:
    """Of no operation that AWS has: botocore would retry it in silence."""
    assert image in server.cloud.region(_backend(server)).backend.amis
    client = world.client(service)
    asked = 0
    for method, parameters in requests(client):
        if method == "select_object_content":
            continue  # its answer is a stream
        with contextlib.suppress(*REFUSALS):
            getattr(client, method)(**parameters)
        asked += 1
    assert asked > 0
    assert world.clients.bad == []


def _backend(server: AwsServer) -> Any:
    from deployer.sandbox.aws.moto_application import ec2_backend

    return ec2_backend("123456789012", server.options.region)
