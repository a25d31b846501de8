"""What is carried to a public address: what its machine's groups let in, while it lives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from deployer.sandbox.aws import AwsServer
from deployer.sandbox.aws.state.public_addresses import COMMON_PORTS
from deployer.sandbox.machine_host import Route
from tests.contract.helpers import describe, eventually, wait_for_state
from tests.fakes.paper_host import PaperHost

EVERYBODY, OFFICE = "0.0.0.0/0", "10.0.0.0/8"


class PaperNat:
    """Remembers where traffic goes, and how often it was told."""

    def __init__(self) -> None:
        self.routes: frozenset[Route] = frozenset()
        self.told = 0

    def follow(self, routes: frozenset[Route]) -> None:
        self.routes, self.told = routes, self.told + 1

    @property
    def opened(self) -> set[Route]:
        return {one for one in self.routes if one.to}

    @property
    def ports(self) -> set[int]:
        return {one.port for one in self.opened}

    @property
    def silent(self) -> set[int]:
        return {one.port for one in self.routes - self.opened}


@pytest.fixture
def nat() -> PaperNat:
    """Who is told where traffic goes."""
    return PaperNat()


@pytest.fixture
def server(nat: PaperNat) -> Iterator[AwsServer]:
    """A server of its own, with machines and traffic on paper."""
    one = AwsServer(PaperHost(), nat=nat)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def ec2(server: AwsServer) -> Any:
    """A plain client of the server."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test")
    return session.client("ec2", endpoint_url=server.endpoint, region_name="eu-west-1")


def _launch(server: AwsServer, ec2: Any, *, public: bool) -> tuple[str, str]:
    """A running instance with a group of its own; both ids."""
    image = server.register_base_image("routes")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    nic = {"DeviceIndex": 0, "AssociatePublicIpAddress": public, "Groups": [group]}
    [made] = ec2.run_instances(
        ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, NetworkInterfaces=[nic]
    )["Instances"]
    wait_for_state(ec2, made["InstanceId"], "running")
    return made["InstanceId"], group


def _open(ec2: Any, group: str, first: int, last: int, to: str, protocol: str = "tcp") -> None:
    ec2.authorize_security_group_ingress(
        GroupId=group, IpProtocol=protocol, FromPort=first, ToPort=last, CidrIp=to
    )


def test_the_groups_say_what_is_let_in(server: AwsServer, ec2: Any, nat: PaperNat) -> None:
    """One port as it is said, of many the usual ones; silence for others, and not over UDP."""
    instance, group = _launch(server, ec2, public=True)
    shown = describe(ec2, instance)
    assert nat.opened == set()
    assert nat.silent == set(COMMON_PORTS)
    _open(ec2, group, 9321, 9321, EVERYBODY)
    here = Route(shown["PublicIpAddress"], 9321, shown["PrivateIpAddress"])
    assert nat.opened == {here}
    _open(ec2, group, 9322, 9322, OFFICE)
    _open(ec2, group, 9323, 9323, EVERYBODY, "udp")
    assert nat.ports == {9321}
    assert nat.silent == {*COMMON_PORTS, 9322}
    _open(ec2, group, 1024, 65535, "127.0.0.0/8")
    assert nat.ports == {9321, 2222, 5432, 8000, 8080}
    ec2.revoke_security_group_ingress(
        GroupId=group, IpProtocol="tcp", FromPort=1024, ToPort=65535, CidrIp="127.0.0.0/8"
    )
    assert nat.ports == {9321}


@pytest.mark.parametrize("end", ["stop", "terminate", "reset"])
def test_it_ends_with_the_address(server: AwsServer, ec2: Any, nat: PaperNat, end: str) -> None:
    """Nothing is carried to an address that was given back."""
    instance, group = _launch(server, ec2, public=True)
    _open(ec2, group, 9321, 9321, EVERYBODY)
    assert nat.ports == {9321}
    if end == "reset":
        server.reset()
    else:
        getattr(ec2, f"{end}_instances")(InstanceIds=[instance])
        eventually(lambda: ec2.describe_vpcs() and not nat.routes)
    assert nat.routes == frozenset()


def test_no_work_without_public_addresses(server: AwsServer, ec2: Any, nat: PaperNat) -> None:
    """Launches, descriptions and tags of private machines never ask for routes."""
    before = nat.told
    instance, _ = _launch(server, ec2, public=False)
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "a", "Value": "b"}])
    ec2.terminate_instances(InstanceIds=[instance])
    wait_for_state(ec2, instance, "terminated")
    assert nat.told == before
