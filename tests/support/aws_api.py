"""The sandbox's strict AWS API with machines on paper, for tests of the AWS edge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from deployer.sandbox.aws import AwsOptions, AwsServer
from deployer.sandbox.aws.server import ACCOUNT
from deployer.sandbox.balancer.plan import Health, Plan, TargetKey
from deployer.sandbox.faults import FaultRule
from reconciler.aws.client.session import Aws
from reconciler.model.deploy_id import DeployId
from reconciler.model.tags import AccountRegion, BirthTags
from reconciler.util.backoff import Backoff
from tests.fakes.paper_host import PaperHost

PLACE = AccountRegion(ACCOUNT, "eu-west-1")
LEDGER = "Z1/shop._deploy.example.com"
HASTE = Backoff(first=0.01, longest=0.05, deadline=2.0)


def begun_now(suffix: str, service: str = "shop") -> DeployId:
    """A deploy that begins now: the sandbox dates what it makes by the real clock.

    With a fixed birth the proof of birth, which asks for the same day, would depend on today.
    """
    return DeployId(service, datetime.now(UTC).replace(microsecond=0), suffix)


DEPLOY = begun_now("7kq2m")
BIRTH = BirthTags(DEPLOY, LEDGER, PLACE, "v1.5.0", "me@here")

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class PaperBalancers:
    """Load balancers on paper: their targets are as healthy as a test says."""

    def __init__(self) -> None:
        self.healthy = True

    def follow(self, plan: Plan) -> None:
        """Nothing is served."""

    def health(self, target: TargetKey) -> Health:
        """Of every target alike."""
        del target
        return (
            Health("healthy") if self.healthy else Health("initial", "Elb.RegistrationInProgress")
        )


class Api:
    """One server and what a test does to it."""

    def __init__(self, server: AwsServer, host: PaperHost, balancers: PaperBalancers) -> None:
        self.server = server
        self.host = host
        self.balancers = balancers
        self.aws = Aws(PLACE)

    def reset(self) -> None:
        """A bare account again."""
        self.server.reset()
        self.host.reset(frozenset())
        self.balancers.healthy = True
        self.host.dropped.clear()  # ids begin again from the same seed

    @property
    def ec2(self) -> Any:
        """A client to prepare and look with."""
        return self.aws.ec2_once

    @property
    def rds(self) -> Any:
        """The same for RDS."""
        return self.aws.rds_once

    @property
    def elbv2(self) -> Any:
        """The same for load balancers."""
        return self.aws.elbv2_once

    def fault(self, action: str, kind: str, **more: Any) -> None:
        """Something goes wrong from now on; see `deployer.sandbox.faults`."""
        self.server.faults.add(FaultRule(action, kind, **more))

    def image(self) -> str:
        """A base image."""
        return self.server.register_base_image("debian-12")

    def machines(
        self, count: int = 1, *, birth: BirthTags | None = BIRTH, **more: Any
    ) -> list[str]:
        """Ids of new machines, born with the tags of `birth`."""
        kinds = ("instance", "volume", "network-interface")
        born = [{"ResourceType": k, "Tags": pairs(birth.of(k))} for k in kinds] if birth else []
        request = {"ImageId": more.pop("image", None) or self.image(), **more}
        answer = self.ec2.run_instances(
            MinCount=count, MaxCount=count, TagSpecifications=born, **request
        )
        ids = [one["InstanceId"] for one in answer["Instances"]]
        self.ec2.get_waiter("instance_running").wait(
            InstanceIds=ids, WaiterConfig={"Delay": 0.02, "MaxAttempts": 200}
        )
        return ids


def pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    """Tags as EC2 takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@contextmanager
def serving() -> Iterator[Api]:
    """A server of our own, one at a time in a process, and the environment that leads to it."""
    host, balancers = PaperHost(), PaperBalancers()
    server = AwsServer(host, AwsOptions(), balancers=balancers)
    server.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for key, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": server.endpoint}.items():
                patch.setenv(key, value)
            yield Api(server, host, balancers)
    finally:
        server.stop()
