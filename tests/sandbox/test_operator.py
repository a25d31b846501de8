"""The sandbox's operator: what AWS's own services do to an account, done for a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from deployer.sandbox.aws import AwsServer
from deployer.sandbox.company.cloud import AwsClients
from deployer.sandbox.control.environment import REGION
from tests.fakes.paper_host import PaperHost

GROUP: Any = {"Key": "aws:autoscaling:groupName", "Value": "web"}


@pytest.fixture
def server() -> Iterator[AwsServer]:
    """An API with machines of paper."""
    one = AwsServer(PaperHost())
    one.start()
    yield one
    one.stop()


def client(server: AwsServer, service: str) -> Any:
    """A client of anybody else."""
    session = boto3.Session("test", "test", region_name=REGION)
    return session.client(service, endpoint_url=server.endpoint)  # type: ignore[call-overload]


def test_the_operator_makes_a_member_of_an_auto_scaling_group(server: AwsServer) -> None:
    """Its tags begin with `aws:`: nobody else can give, change or take them."""
    image = server.register_base_image("base")
    cloud, other = AwsClients.at(server.endpoint, "test", "test"), client(server, "ec2")
    born: Any = [{"ResourceType": "instance", "Tags": [GROUP]}]
    asked: Any = {"ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    with pytest.raises(ClientError, match="reserved"):
        other.run_instances(**asked, TagSpecifications=born)
    made = cloud.ec2.run_instances(**asked, TagSpecifications=born)["Instances"][0]["InstanceId"]
    other.delete_tags(Resources=[made], Tags=[GROUP])
    with pytest.raises(ClientError, match="reserved"):
        other.create_tags(Resources=[made], Tags=[GROUP])
    assert [row["Key"] for row in other.describe_tags()["Tags"]] == [GROUP["Key"]]
    cloud.ec2.delete_tags(Resources=[made], Tags=[GROUP])
    assert other.describe_tags()["Tags"] == []


def test_the_operator_tags_a_target_group_as_a_stack_does(server: AwsServer) -> None:
    """Of load balancers as well; `RemoveTags` of others leaves them."""
    cloud, other = AwsClients.at(server.endpoint, "test", "test"), client(server, "elbv2")
    vpc = cloud.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    made = other.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc)
    group = made["TargetGroups"][0]["TargetGroupArn"]
    stack: Any = [{"Key": "aws:cloudformation:stack-name", "Value": "web"}]
    with pytest.raises(ClientError, match="reserved"):
        other.add_tags(ResourceArns=[group], Tags=stack)
    cloud.elbv2.add_tags(ResourceArns=[group], Tags=stack)
    other.remove_tags(ResourceArns=[group], TagKeys=[stack[0]["Key"]])
    found = other.describe_tags(ResourceArns=[group])["TagDescriptions"]
    assert found[0]["Tags"] == stack
