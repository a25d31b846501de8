"""Load balancers, groups and listeners for the contract, with what AWS requires filled in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from mypy_boto3_ec2 import EC2Client
from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client


@dataclass(frozen=True)
class Elb:
    """Makes what a test needs, and has it deleted afterwards."""

    client: ElasticLoadBalancingv2Client
    ec2: EC2Client
    on_exit: Callable[[Callable[[], Any]], None]
    is_account: bool = False

    @cached_property
    def subnets(self) -> list[Any]:
        """The default subnets, one a zone, in the order of the zones."""
        default: Any = [{"Name": "default-for-az", "Values": ["true"]}]
        found = self.ec2.describe_subnets(Filters=default)["Subnets"]
        return sorted(found, key=lambda one: one["AvailabilityZone"])

    @property
    def vpc(self) -> str:
        """The network of the default subnets."""
        return str(self.subnets[0]["VpcId"])

    def subnet_ids(self, *places: int) -> list[str]:
        """Ids of the default subnets at these places."""
        return [self.subnets[place]["SubnetId"] for place in places]

    def balancer(self, name: str = "contract", **more: Any) -> Any:
        """A load balancer in two zones; not on an account, where each costs an hour."""
        if self.is_account:
            pytest.skip("a load balancer costs 0.0252 $ for each hour begun (eu-west-1, 2025-11)")
        given = {"Name": name, "Subnets": self.subnet_ids(0, 1), "Scheme": "internal", **more}
        made = self.client.create_load_balancer(**given)["LoadBalancers"][0]
        arn = made["LoadBalancerArn"]
        self.on_exit(lambda: self.client.delete_load_balancer(LoadBalancerArn=arn))
        return made

    def group(self, name: str = "contract", **more: Any) -> str:
        """The ARN of a target group for HTTP on port 8080."""
        given = {"Name": name, "Protocol": "HTTP", "Port": 8080, "VpcId": self.vpc, **more}
        arn = self.client.create_target_group(**given)["TargetGroups"][0]["TargetGroupArn"]
        self.on_exit(lambda: self.client.delete_target_group(TargetGroupArn=arn))
        return arn

    def fast_group(self, name: str = "contract", **more: Any) -> str:
        """A group with AWS's shortest health check."""
        check = {"HealthCheckIntervalSeconds": 5, "HealthyThresholdCount": 2}
        return self.group(name, **{**check, "HealthCheckTimeoutSeconds": 2, **more})

    def listener(self, balancer: Any, action: Any, port: int = 8080) -> str:
        """The ARN of a listener with this default action."""
        made = self.client.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=port,
            DefaultActions=[action],
        )
        return made["Listeners"][0]["ListenerArn"]

    def rule(self, listener: str, action: Any, path: str = "/a", priority: int = 10) -> str:
        """The ARN of a rule for a path."""
        made = self.client.create_rule(
            ListenerArn=listener,
            Conditions=[{"Field": "path-pattern", "Values": [path]}],
            Priority=priority,
            Actions=[action],
        )
        return made["Rules"][0]["RuleArn"]

    def weights(self, listener: str) -> dict[str, int]:
        """Weight by group in a listener's default action."""
        found = self.client.describe_listeners(ListenerArns=[listener])["Listeners"][0]
        return weights_of(found["DefaultActions"])

    def register(self, group: str, *targets: str, **more: Any) -> None:
        """Register instances with a group."""
        listed: Any = [{"Id": one, **more} for one in targets]
        self.client.register_targets(TargetGroupArn=group, Targets=listed)

    def deregister(self, group: str, *targets: str, **more: Any) -> None:
        """Deregister instances of a group."""
        listed: Any = [{"Id": one, **more} for one in targets]
        self.client.deregister_targets(TargetGroupArn=group, Targets=listed)

    def health(self, group: str, *targets: str) -> dict[str, tuple[str, str]]:
        """State and reason by target id: of all targets, or of these."""
        given: Any = {"Targets": [{"Id": one} for one in targets]} if targets else {}
        answer = self.client.describe_target_health(TargetGroupArn=group, **given)
        return {
            one["Target"]["Id"]: (
                one["TargetHealth"]["State"],
                one["TargetHealth"].get("Reason", ""),
            )
            for one in answer["TargetHealthDescriptions"]
        }

    def set_attribute(self, group: str, key: str, value: str) -> None:
        """Change an attribute of a group."""
        attributes: Any = [{"Key": key, "Value": value}]
        self.client.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)


def forwards(weights: dict[str, int | None]) -> Any:
    """A forward action with a weight for each group; None leaves the weight out."""
    groups = [
        {"TargetGroupArn": arn, **({} if weight is None else {"Weight": weight})}
        for arn, weight in weights.items()
    ]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}


def weights_of(actions: Any) -> dict[str, int]:
    """Weight by group of the actions of a listener or rule."""
    return {
        group["TargetGroupArn"]: group["Weight"]
        for action in actions
        for group in action["ForwardConfig"]["TargetGroups"]
    }


FIXED: Any = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
"""An action that names no group."""
