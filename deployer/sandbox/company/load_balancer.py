"""The company's load balancers, for the shape `balancer`: one in front of each service.

Set up by hand as its staff would have done it: a group without any of our tags, in a forward action
of the listener. The group's delays are AWS's shortest sensible ones.
"""

from __future__ import annotations

import time
from typing import Any

from deployer.sandbox.company import configuration
from deployer.sandbox.company.cloud import AwsClients
from reconciler.errors import ToolError

_HEALTHY_SECONDS = 60.0
_DRAIN_SECONDS = "30"


def set_up(cloud: AwsClients, service: str, instance: str) -> dict[str, Any]:
    """A balancer in front of this machine; returns the alias for the service's record."""
    group = _target_group(cloud, service, instance)
    subnets = cloud.ec2.describe_subnets()["Subnets"]
    zones = sorted(subnets, key=lambda one: one["AvailabilityZone"])[:2]
    balancer = cloud.elbv2.create_load_balancer(
        Name=service, Scheme="internal", Subnets=[one["SubnetId"] for one in zones]
    )["LoadBalancers"][0]
    cloud.elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=configuration.APP_PORT,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    _await_health(cloud, group)
    target = {
        "HostedZoneId": balancer["CanonicalHostedZoneId"],
        "DNSName": balancer["DNSName"],
        "EvaluateTargetHealth": False,
    }
    return {"AliasTarget": target}


def _target_group(cloud: AwsClients, service: str, instance: str) -> str:
    machine = cloud.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][
        0
    ]
    group = cloud.elbv2.create_target_group(
        Name=f"{service}-by-hand",
        Protocol="HTTP",
        Port=configuration.APP_PORT,
        VpcId=machine["VpcId"],
        HealthCheckPath="/healthz",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    cloud.elbv2.modify_target_group_attributes(
        TargetGroupArn=group,
        Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": _DRAIN_SECONDS}],
    )
    cloud.elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": instance}])
    return group


def _await_health(cloud: AwsClients, group: str) -> None:
    deadline = time.monotonic() + _HEALTHY_SECONDS
    while True:
        answer = cloud.elbv2.describe_target_health(TargetGroupArn=group)
        states = [one["TargetHealth"] for one in answer["TargetHealthDescriptions"]]
        if all(one["State"] == "healthy" for one in states):
            return
        if time.monotonic() > deadline:
            raise ToolError("the load balancer finds no healthy target", detail=str(states))
        time.sleep(0.01)
