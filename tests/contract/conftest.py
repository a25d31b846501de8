"""What the contract of AWS is checked against: our server, another emulator, a real account.

    pytest tests/contract                                        our server, in this process
    CONTRACT_ENDPOINT=http://127.0.0.1:5000 pytest tests/contract   another emulator
    CONTRACT_PROFILE=scratch CONTRACT_SPEND=0.10 pytest -s tests/contract   a real account

Elsewhere than on our server, `CONTRACT_IMAGE` names an image to launch (default: the newest of
one's own), `CONTRACT_REGION` the region; rules that need a knob of ours are skipped. Every test
cleans up what it made. An HTTP 500 that no fault asked for fails the test.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from mypy_boto3_ec2 import EC2Client
from mypy_boto3_route53 import Route53Client

from deployer.sandbox.aws import AwsOptions, AwsServer
from deployer.sandbox.balancer.service import Balancers
from deployer.sandbox.faults import FaultClient
from deployer.sandbox.network import loopback_range
from reconciler.aws.client.session import Aws
from reconciler.model.tags import AccountRegion
from reconciler.util.backoff import Backoff
from tests.contract import account
from tests.contract.elb import Elb
from tests.contract.helpers import PATIENCE, wait_for_state
from tests.fakes.paper_host import PaperHost

ENDPOINT = os.environ.get("CONTRACT_ENDPOINT", "")
PROFILE = os.environ.get("CONTRACT_PROFILE", "")
REGION = os.environ.get("CONTRACT_REGION", "eu-west-1")
OPTIONS = AwsOptions(
    region=REGION, instance_pending=0.02, image_pending=0.02, insync_after=0.2, rds_deleting=1.0
)
REHEARSAL = bool(os.environ.get("CONTRACT_REHEARSAL"))
SMALL = "t3.micro"
BATCH = 500
"""Changes in one request of the clean-up; AWS takes 1,000 values."""


@dataclass
class Ours:
    """Our own server and its machines of paper."""

    server: AwsServer
    host: PaperHost


@dataclass
class Clients:
    """Clients of one endpoint, made once: that is slow. `bad` tells of answers like HTTP 500."""

    endpoint: str | None
    bad: list[str] = field(default_factory=list)
    made: dict[tuple[str, str], Any] = field(default_factory=dict)
    run: account.Run | None = None

    def get(self, service: str, region: str) -> Any:
        """The client of a service in a region; never retries."""
        if (service, region) not in self.made:
            self.made[(service, region)] = self._make(service, region)
        return self.made[(service, region)]

    def hasty(self, service: str, seconds: float) -> Any:
        """A client that waits no longer than that for an answer."""
        return self._make(service, REGION, seconds)

    def _make(self, service: str, region: str, patience: float = 20) -> Any:
        # What is wrong must be refused by the cloud, not by botocore on the way to it.
        config = Config(
            retries={"total_max_attempts": 1}, read_timeout=patience, parameter_validation=False
        )
        made = _session().client(
            service, endpoint_url=self.endpoint, region_name=region, config=config
        )
        made.meta.events.register("after-call", self._note_status)
        if self.run is not None:
            self.run.watch(made)
        return made

    def _note_status(self, http_response: Any, model: Any, **_: Any) -> None:
        if http_response.status_code >= 500:
            self.bad.append(f"{model.name}: HTTP {http_response.status_code}")


@dataclass
class World:
    """Clients of the cloud under test, and what has to be cleaned up in it."""

    clients: Clients
    ours: Ours | None
    errors_wanted: bool = False
    clean_ups: list[Callable[[], Any]] = field(default_factory=list)

    def client(self, service: str, region: str = REGION) -> Any:
        """A client that never retries, so that one call is one request."""
        return self.clients.get(service, region)

    def on_exit(self, clean_up: Callable[[], Any]) -> None:
        """Have this called when the test is over; on our server a reset does it all."""
        if self.ours is None:
            self.clean_ups.append(clean_up)

    def clean(self) -> None:
        """Undo what the test made, the last thing first; what is gone already is fine."""
        while self.clean_ups:
            try:
                self.clean_ups.pop()()
            except ClientError as gone:
                if not any(word in str(gone) for word in ("NotFound", "NoSuch", "Unavailable")):
                    raise


@pytest.fixture(scope="module")
def our_server() -> Iterator[Ours | None]:
    """One server for a module's tests; None when another cloud is under test.

    Not for the session: a process can hold only one, and other tests want theirs.
    """
    if ENDPOINT or PROFILE:
        yield None
        return
    host = PaperHost()
    balancers = Balancers()
    claimed = loopback_range.claim()  # the load balancers listen there, and their targets
    with closing(claimed.guard), closing(balancers):
        server = AwsServer(host, replace(OPTIONS, network=claimed.cidr), balancers=balancers)
        server.start()
        yield Ours(server, host)
        server.stop()


@pytest.fixture(scope="session")
def account_run() -> Iterator[account.Run | None]:
    """The run on a real account, if it is one; says its cost first, and leaves nothing behind."""
    if not PROFILE and not REHEARSAL:
        yield None
        return
    if REHEARSAL and (PROFILE or not ENDPOINT):
        raise pytest.UsageError("a rehearsal needs CONTRACT_ENDPOINT and no CONTRACT_PROFILE")
    spend = os.environ.get("CONTRACT_SPEND", "")
    print(account.statement(PROFILE, spend))  # noqa: T201  # before anything is asked
    run = account.Run(account.allowed(spend))
    yield run
    left = account.clean(_aws(), run.id, Backoff(first=0.2, longest=10, deadline=PATIENCE))
    assert left == (), f"left of {run.id}: {', '.join(left)}"


def _aws() -> Aws:
    """The account, as the product enters it; in a rehearsal that is the endpoint and no other."""
    if REHEARSAL:
        os.environ["AWS_ENDPOINT_URL"] = ENDPOINT
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            os.environ.setdefault(name, "test")  # no secret
    sts = _session().client("sts", region_name=REGION, endpoint_url=ENDPOINT or None)
    owner = str(sts.get_caller_identity()["Account"])
    return Aws(AccountRegion(owner, REGION), profile=PROFILE)


@pytest.fixture(scope="module")
def clients(our_server: Ours | None, account_run: account.Run | None) -> Clients:
    """The clients of the cloud under test."""
    ours = our_server.server.endpoint if our_server is not None else None
    return Clients(ours or ENDPOINT or None, run=account_run)


@pytest.fixture
def world(our_server: Ours | None, clients: Clients) -> Iterator[World]:
    """The cloud under test, bare if it is ours; fails the test on an HTTP 500."""
    if our_server is not None:
        our_server.server.reset()
        our_server.host.reset(frozenset())
    clients.bad.clear()
    made = World(clients, our_server)
    yield made
    made.clean()
    if not made.errors_wanted:
        assert clients.bad == []


@cache
def _session() -> Any:
    """One for all: it keeps the descriptions of the services, of which EC2's is long."""
    if PROFILE:
        return boto3.Session(profile_name=PROFILE)
    if REHEARSAL:
        return boto3.Session()
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def ec2(world: World) -> EC2Client:
    """An EC2 client."""
    made: EC2Client = world.client("ec2")
    return made


@pytest.fixture
def elb(world: World, ec2: EC2Client) -> Elb:
    """Load balancers and target groups."""
    return Elb(world.client("elbv2"), ec2, world.on_exit, is_account=bool(PROFILE) or REHEARSAL)


@pytest.fixture
def route53(world: World) -> Route53Client:
    """A Route 53 client."""
    made: Route53Client = world.client("route53")
    return made


@pytest.fixture
def server(world: World) -> AwsServer:
    """Our own server, for rules that need its knobs."""
    if world.ours is None:
        pytest.skip("needs a knob of our own server")
    return world.ours.server


@pytest.fixture
def host(world: World) -> PaperHost:
    """The machines of paper below our own server."""
    if world.ours is None:
        pytest.skip("needs the machines of our own server")
    return world.ours.host


@pytest.fixture
def faults(world: World, server: AwsServer) -> FaultClient:
    """The fault door; errors are wanted then."""
    world.errors_wanted = True
    return FaultClient(server.endpoint, "test")


@pytest.fixture
def image(world: World, ec2: EC2Client) -> str:
    """An image that can be launched."""
    if world.ours is not None:
        return world.ours.server.register_base_image("contract-base")
    if named := os.environ.get("CONTRACT_IMAGE"):
        return named
    owned = ec2.describe_images(Owners=["self"])["Images"]
    if not owned:
        pytest.skip("no image of our own: set CONTRACT_IMAGE")
    return max(owned, key=lambda one: one["CreationDate"])["ImageId"]


@pytest.fixture
def launch(world: World, ec2: EC2Client, image: str) -> Callable[..., list[str]]:
    """Launch instances; returns their ids. Keywords go to RunInstances."""

    def run(count: int = 1, **more: Any) -> list[str]:
        asked: dict[str, Any] = {"ImageId": image, "InstanceType": SMALL}
        asked |= {"MinCount": count, "MaxCount": count, **more}
        made = [i["InstanceId"] for i in ec2.run_instances(**asked)["Instances"]]
        world.on_exit(lambda: ec2.terminate_instances(InstanceIds=made))
        return made

    return run


@pytest.fixture
def running(ec2: EC2Client, launch: Callable[..., list[str]]) -> str:
    """The id of a running instance."""
    made = launch()[0]
    wait_for_state(ec2, made, "running")
    return made


@pytest.fixture
def zone(world: World, route53: Route53Client) -> str:
    """The id of an empty hosted zone, contract.test."""
    made = route53.create_hosted_zone(Name="contract.test", CallerReference=str(uuid.uuid4()))
    zone_id = made["HostedZone"]["Id"]
    world.on_exit(lambda: route53.delete_hosted_zone(Id=zone_id))
    world.on_exit(lambda: _empty_zone(route53, zone_id))
    return zone_id


def _empty_zone(route53: Route53Client, zone_id: str) -> None:
    pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone_id)
    listed: list[Any] = [one for page in pages for one in page["ResourceRecordSets"]]
    doomed = [record for record in listed if record["Type"] not in ("NS", "SOA")]
    changes: list[Any] = [{"Action": "DELETE", "ResourceRecordSet": one} for one in doomed]
    for start in range(0, len(changes), BATCH):
        batch: Any = {"Changes": changes[start : start + BATCH]}
        route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=batch)
