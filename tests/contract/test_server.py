"""Our server's own promises: nothing half-made, no 500 for a gap, a reset that forgets."""

from __future__ import annotations

import http.client
from dataclasses import replace
from typing import Any

import boto3
import pytest
from mypy_boto3_ec2 import EC2Client

from deployer.sandbox.aws import AwsOptions, AwsServer
from tests.contract.conftest import World
from tests.contract.helpers import Launch, describe, eventually, refused, tag_specs
from tests.fakes.paper_host import PaperHost


def everything(ec2: EC2Client) -> dict[str, int]:
    """How many there are of what a launch or an image makes."""
    return {
        "instances": len(ec2.describe_instances()["Reservations"]),
        "volumes": len(ec2.describe_volumes()["Volumes"]),
        "interfaces": len(ec2.describe_network_interfaces()["NetworkInterfaces"]),
        "images": len(ec2.describe_images(Owners=["self"])["Images"]),
        "snapshots": len(ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]),
        "tags": len(ec2.describe_tags()["Tags"]),
    }


@pytest.mark.parametrize("after", [0, 2])
def test_a_launch_that_breaks_leaves_nothing(
    world: World, ec2: EC2Client, launch: Launch, host: PaperHost, after: int
) -> None:
    """The third machine does not boot: no instance, volume, interface, tag or machine stays."""
    world.errors_wanted = True
    before = everything(ec2)
    host.fail_next("create", after)
    kinds = ("instance", "volume", "network-interface")
    with refused("InternalError"):
        launch(3, ClientToken="t", TagSpecifications=tag_specs({"a": "b"}, *kinds))
    assert everything(ec2) == before
    assert host.machines == {}
    made = launch(3, ClientToken="t", TagSpecifications=tag_specs({"a": "b"}, *kinds))
    assert describe(ec2, made[0])["PrivateIpAddress"]


def test_an_image_that_breaks_leaves_nothing(
    world: World, ec2: EC2Client, running: str, host: PaperHost
) -> None:
    """The disk cannot be copied: no image, no snapshot, and its name is free."""
    world.errors_wanted = True
    before = everything(ec2)
    host.fail_next("copy_disk")
    with refused("InternalError"):
        ec2.create_image(InstanceId=running, Name="shop-1", NoReboot=True)
    assert everything(ec2) == before
    ec2.create_image(InstanceId=running, Name="shop-1", NoReboot=True)


def test_a_kill_that_breaks_is_done_again(ec2: EC2Client, running: str, host: PaperHost) -> None:
    """It shuts down until the machine is really dead; another terminate kills again."""
    host.fail_next("terminate")
    ec2.terminate_instances(InstanceIds=[running])
    assert describe(ec2, running)["State"]["Name"] == "shutting-down"
    assert running in host.machines
    ec2.terminate_instances(InstanceIds=[running])
    eventually(lambda: describe(ec2, running)["State"]["Name"] == "terminated")
    assert running not in host.machines


def test_a_start_that_breaks_stays_stopped(
    world: World, ec2: EC2Client, running: str, host: PaperHost
) -> None:
    """The instance is still `stopped`, and can be started later."""
    world.errors_wanted = True
    ec2.stop_instances(InstanceIds=[running])
    eventually(lambda: describe(ec2, running)["State"]["Name"] == "stopped")
    host.fail_next("start")
    with refused("InternalError"):
        ec2.start_instances(InstanceIds=[running])
    assert describe(ec2, running)["State"]["Name"] == "stopped"
    ec2.start_instances(InstanceIds=[running])
    eventually(lambda: describe(ec2, running)["State"]["Name"] == "running")


def test_what_is_not_there_is_a_client_error(
    world: World, ec2: EC2Client, server: AwsServer
) -> None:
    """Never a 500, which botocore would retry in silence."""
    with refused("UnsupportedOperation"):
        ec2.describe_volume_status()
    with refused("UnsupportedOperation", "InvalidAction"):
        ec2.describe_instance_topology()
    with refused("UnsupportedOperation"):
        world.client("route53").list_traffic_policies()
    assert {one["status"] for one in server.journal.since()} <= {400}


def test_a_reset_forgets_everything_and_ids_begin_anew(
    ec2: EC2Client, launch: Launch, server: AwsServer, host: PaperHost, image: str
) -> None:
    """The same requests make the same ids after a reset."""
    first = launch(2)
    server.faults.lag = 5
    server.reset()
    host.reset(frozenset())
    assert server.faults.lag == 0
    assert server.journal.since() == []
    assert server.register_base_image("contract-base") == image
    assert launch(2) == first
    assert len(ec2.describe_instances()["Reservations"]) == 1


def test_one_server_a_process(server: AwsServer) -> None:
    """A second one is refused: moto's state is global."""
    assert server.endpoint
    with pytest.raises(RuntimeError, match="already runs"):
        AwsServer(PaperHost(), AwsOptions()).start()


def test_it_says_that_it_is_well(server: AwsServer) -> None:
    """GET /_sandbox/health; anything unknown below it is 404."""
    assert _get(server, "health") == (200, b'{"ok": true}')
    assert _get(server, "nothing")[0] == 404


def _get(server: AwsServer, path: str) -> tuple[int, bytes]:
    port = int(server.endpoint.rsplit(":", 1)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", f"/_sandbox/{path}", headers={"Authorization": "Bearer test"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_addresses_are_unique_over_subnets_and_regions(
    world: World, ec2: EC2Client, launch: Launch, server: AwsServer
) -> None:
    """Every machine listens on this one loopback: no two may share an address."""
    here = [describe(ec2, one)["PrivateIpAddress"] for one in launch(3)]
    other = world.client("ec2", "us-east-1")
    image = server.register_base_image("there", region="us-east-1")
    made = other.run_instances(ImageId=image, MinCount=3, MaxCount=3)["Instances"]
    there = [one["PrivateIpAddress"] for one in made]
    assert len({*here, *there}) == 6


def test_other_services_answer(world: World, server: AwsServer) -> None:
    """STS, SSM and S3 as moto has them."""
    assert server.endpoint
    assert world.client("sts").get_caller_identity()["Account"] == "123456789012"
    ssm = world.client("ssm")
    ssm.put_parameter(Name="/shop/db", Value="x", Type="SecureString")
    found = ssm.get_parameter(Name="/shop/db", WithDecryption=True)
    assert found["Parameter"]["Value"] == "x"
    s3 = world.client("s3", "us-east-1")
    s3.create_bucket(Bucket="ledger")
    s3.put_object(Bucket="ledger", Key="shop", Body=b"1", IfNoneMatch="*")
    with refused("PreconditionFailed"):
        s3.put_object(Bucket="ledger", Key="shop", Body=b"2", IfNoneMatch="*")


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ec2", "describe_instances", "AuthFailure"),
        ("ssm", "describe_parameters", "UnrecognizedClientException"),
        ("pricing", "describe_services", "UnrecognizedClientException"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("iam", "list_roles", "InvalidClientTokenId"),
        ("rds", "describe_db_instances", "InvalidClientTokenId"),
        ("elbv2", "describe_load_balancers", "InvalidClientTokenId"),
        ("route53", "list_hosted_zones", "InvalidClientTokenId"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
    ],
)
def test_an_unknown_access_key_is_refused(
    server: AwsServer, monkeypatch: pytest.MonkeyPatch, service: str, operation: str, code: str
) -> None:
    """Common errors of each API: every service has its own word for it."""
    monkeypatch.setattr(server, "options", replace(server.options, access_key="test"))
    with refused(code):
        getattr(by_key("AKIANOBODY", service, server), operation)()


def test_its_own_key_and_a_lent_one_are_answered(
    world: World, server: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else's: what AssumeRole lends is as good as the sandbox's own."""
    monkeypatch.setattr(server, "options", replace(server.options, access_key="test"))
    role = "arn:aws:iam::123456789012:role/reconciler"
    lent = world.client("sts").assume_role(RoleArn=role, RoleSessionName="s")["Credentials"]
    for key in ("test", lent["AccessKeyId"]):
        assert by_key(key, "ec2", server).describe_instances()["Reservations"] == []


def by_key(key: str, service: str, server: AwsServer) -> Any:
    """A client with this access key."""
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key="x")
    return session.client(  # type: ignore[call-overload]  # a name from a parameter
        service, endpoint_url=server.endpoint, region_name=server.options.region
    )
