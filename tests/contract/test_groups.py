"""Security groups. Sources: DeleteSecurityGroup, DescribeSecurityGroups; aws.md §3."""

from __future__ import annotations

from typing import Any

import pytest
from mypy_boto3_ec2 import EC2Client

from tests.contract.conftest import World
from tests.contract.helpers import Launch, describe, refused, tag_specs, wait_for_state


@pytest.fixture
def vpc(ec2: EC2Client) -> str:
    """The default network's id."""
    found = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    return found[0]["VpcId"]


def make(world: World, ec2: EC2Client, vpc: str, name: str, **tags: str) -> str:
    """The id of a new group."""
    given = {"TagSpecifications": tag_specs(tags, "security-group")} if tags else {}
    group = ec2.create_security_group(GroupName=name, Description="x", VpcId=vpc, **given)  # type: ignore[arg-type]
    world.on_exit(lambda: ec2.delete_security_group(GroupId=group["GroupId"]))
    return group["GroupId"]


def naming(group: str) -> list[Any]:
    """A rule that lets members of `group` in."""
    pair = [{"GroupId": group}]
    return [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": pair}]


def listed(ec2: EC2Client, **filters: str) -> set[str]:
    """Ids of the groups that pass; `_` stands for `-`, two for a dot."""
    asked: Any = [
        {"Name": name.replace("__", ".").replace("_", "-"), "Values": [value]}
        for name, value in filters.items()
    ]
    return {one["GroupId"] for one in ec2.describe_security_groups(Filters=asked)["SecurityGroups"]}


def test_a_group_in_use_is_not_deleted(
    world: World, ec2: EC2Client, launch: Launch, vpc: str
) -> None:
    """In use by an instance or network interface: DependencyViolation (DeleteSecurityGroup)."""
    group = make(world, ec2, vpc, "in-use")
    (machine,) = launch(1, SecurityGroupIds=[group])
    wait_for_state(ec2, machine, "running")
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    ec2.terminate_instances(InstanceIds=[machine])
    wait_for_state(ec2, machine, "terminated")
    ec2.delete_security_group(GroupId=group)
    assert describe(ec2, machine)["State"]["Name"] == "terminated"
    with refused("InvalidGroup.NotFound"):
        ec2.delete_security_group(GroupId=group)


def test_a_group_that_another_names_is_not_deleted(world: World, ec2: EC2Client, vpc: str) -> None:
    """Nor one that another group of its VPC references; its own rules do not count."""
    one, two = (make(world, ec2, vpc, name) for name in ("one", "two"))
    ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=naming(two))
    ec2.authorize_security_group_ingress(GroupId=two, IpPermissions=naming(one))
    ec2.authorize_security_group_ingress(GroupId=two, IpPermissions=naming(two))
    for group in (one, two):
        with refused("DependencyViolation"):
            ec2.delete_security_group(GroupId=group)
    ec2.revoke_security_group_ingress(GroupId=one, IpPermissions=naming(two))
    ec2.delete_security_group(GroupId=two)
    ec2.delete_security_group(GroupId=one)


def test_a_rule_is_revoked_once(world: World, ec2: EC2Client, vpc: str) -> None:
    """A rule that is not there is InvalidPermission.NotFound (RevokeSecurityGroupIngress)."""
    one, two = (make(world, ec2, vpc, name) for name in ("one", "two"))
    ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=naming(two))
    ec2.revoke_security_group_ingress(GroupId=one, IpPermissions=naming(two))
    with refused("InvalidPermission.NotFound"):
        ec2.revoke_security_group_ingress(GroupId=one, IpPermissions=naming(two))


def test_groups_are_found_by_tag_and_by_rule(world: World, ec2: EC2Client, vpc: str) -> None:
    """The filters tag:K, group-id and ip-permission.group-id (DescribeSecurityGroups)."""
    one = make(world, ec2, vpc, "one", role="db")
    two = make(world, ec2, vpc, "two")
    ec2.authorize_security_group_ingress(GroupId=two, IpPermissions=naming(one))
    tagged: Any = [{"Name": "tag:role", "Values": ["db"]}]
    found = ec2.describe_security_groups(Filters=tagged)["SecurityGroups"]
    assert [each["GroupId"] for each in found] == [one]
    assert found[0]["Tags"] == [{"Key": "role", "Value": "db"}]
    assert listed(ec2, group_id=two) == {two}
    assert listed(ec2, ip_permission__group_id=one) == {two}
    with refused("InvalidParameterValue"):
        listed(ec2, colour="red")


def test_the_default_group_stays(ec2: EC2Client, vpc: str) -> None:
    """CannotDelete (DeleteSecurityGroup)."""
    (default,) = listed(ec2, group_name="default", vpc_id=vpc)
    with refused("CannotDelete", "DependencyViolation"):
        ec2.delete_security_group(GroupId=default)
