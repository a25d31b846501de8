"""Clients of the sandbox's API for its operator: no faults, no journal entry, AWS's own tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config

from deployer.sandbox.aws.http.wsgi_middleware import OPERATOR
from deployer.sandbox.control.environment import REGION
from reconciler.aws.client.service_loader import LOADER

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_ssm import SSMClient


@dataclass(frozen=True)
class AwsClients:
    """Clients of the sandbox's API."""

    ec2: EC2Client
    route53: Route53Client
    ssm: SSMClient
    elbv2: ElasticLoadBalancingv2Client

    @staticmethod
    def at(endpoint: str, access_key: str, secret_key: str) -> AwsClients:
        """Clients that ignore the user's own AWS configuration and all faults."""
        core = botocore.session.get_session()
        core.register_component("data_loader", LOADER)  # botocore's own searches 400 folders
        session = boto3.Session(
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name=REGION,
            botocore_session=core,
        )
        settings = Config(
            retries={"total_max_attempts": 1},
            proxies={},
            read_timeout=60,
            user_agent_extra=OPERATOR,
        )
        known: dict[str, Any] = {"endpoint_url": endpoint, "config": settings}
        return AwsClients(
            ec2=session.client("ec2", **known),
            route53=session.client("route53", **known),
            ssm=session.client("ssm", **known),
            elbv2=session.client("elbv2", **known),
        )

    def running_address(self, instance: str) -> str:
        """The private address of a running instance; '' if there is none of that id."""
        wanted: Any = [
            {"Name": "instance-id", "Values": [instance]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
        found = self.ec2.describe_instances(Filters=wanted)["Reservations"]
        return str(found[0]["Instances"][0]["PrivateIpAddress"]) if found else ""
