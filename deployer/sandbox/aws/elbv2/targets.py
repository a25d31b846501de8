"""Targets: registered, checked, drained.

Sources: RegisterTargets (an instance must be running; ports override the group's),
DeregisterTargets (no error for a target that is not registered; with the port that it was
registered with), DescribeTargetHealth, TargetHealth (states and reasons); load balancers guide,
"Deregistration delay" (`draining` until the delay has passed, even if no request is in flight).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from deployer.sandbox.aws.elbv2.base import Elbv2Base, elb_error, invalid
from deployer.sandbox.aws.elbv2.running_plan import (
    locate,
    registered,
    serving_balancer,
)
from deployer.sandbox.aws.state.cloud import Registration
from deployer.sandbox.balancer.plan import Health

_NOT_REGISTERED = Health(
    "unused", "Target.NotRegistered", "Target is not registered to the target group"
)
_DRAINING = Health(
    "draining", "Target.DeregistrationInProgress", "Target deregistration is in progress"
)
_NO_TRAFFIC = Health(
    "unused",
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)
_NO_ZONE = Health(
    "unused",
    "Target.NotInUse",
    "Target is in an Availability Zone that is not enabled for the load balancer",
)


class TargetActions(Elbv2Base):
    """RegisterTargets, DeregisterTargets, DescribeTargetHealth."""

    def register_targets(self) -> ActionResult:
        """All of them or none; one that is draining is registered anew."""
        group = self._group()
        wanted = self._targets(group)
        if not wanted:
            raise invalid("Targets must be specified")
        for target_id, _ in wanted:
            self._check(group, target_id)
        for target_id, port in wanted:
            self.cloud.registrations[group.arn][(target_id, port)] = Registration(target_id, port)
        return EmptyResult()

    def deregister_targets(self) -> ActionResult:
        """A target of a group in use drains first; one that is not registered is no error."""
        group = self._group()
        present = registered(self.cloud, group.arn)
        for key in self._targets(group):
            one = present.get(key)
            if one is None or one.drains_until:
                continue
            seconds = float(group.attributes["deregistration_delay.timeout_seconds"])
            ends = time.monotonic() + seconds * self.cloud.options.balancer_second
            if serving_balancer(self.elbv2_backend, group.arn) is None or seconds == 0:
                del self.cloud.registrations[group.arn][key]
            else:
                self.cloud.registrations[group.arn][key] = Registration(*key, ends)
        return EmptyResult()

    def describe_target_health(self) -> ActionResult:
        """Of all registered or draining targets, or of the given ones."""
        group = self._group()
        present = registered(self.cloud, group.arn)
        found = [
            {
                "Target": {"Id": key[0], "Port": key[1], **self._zone(group, key[0])},
                "HealthCheckPort": _check_port(group, key[1]),
                "TargetHealth": _described(self._health(group, key, present.get(key))),
            }
            for key in self._targets(group) or list(present)
        ]
        return ActionResult({"TargetHealthDescriptions": found})

    def _group(self) -> Any:
        arn = self._get_param("TargetGroupArn")
        group = self.elbv2_backend.target_groups.get(arn)
        if group is None:
            raise elb_error("TargetGroupNotFound", f"Target groups '{arn}' not found")
        return group

    def _targets(self, group: Any) -> list[tuple[str, int]]:
        given: list[Mapping[str, Any]] = self._get_param("Targets", []) or []
        return [(str(one["Id"]), int(one.get("Port") or group.port)) for one in given]

    def _check(self, group: Any, target_id: str) -> None:
        place = locate(self.elbv2_backend, target_id)
        if place is None or (group.target_type == "instance") != target_id.startswith("i-"):
            text = f"The target '{target_id}' is not valid for the target group"
            raise elb_error("InvalidTarget", text)
        if place.vpc != group.vpc_id:
            text = f"The following targets are not in the target group VPC: '{target_id}'"
            raise elb_error("InvalidTarget", text)
        if place.state != "running":
            text = f"The following targets are not in a running state: '{target_id}'"
            raise elb_error("InvalidTarget", text)

    def _health(self, group: Any, key: tuple[str, int], one: Registration | None) -> Health:
        if one is None:
            return _NOT_REGISTERED
        if one.drains_until:
            return _DRAINING
        balancer = serving_balancer(self.elbv2_backend, group.arn)
        if balancer is None:
            return _NO_TRAFFIC
        place = locate(self.elbv2_backend, one.id)
        if place is None or place.state in ("stopped", "terminated"):
            state = place.state if place else "terminated"
            text = f"Target is in the {state} state"
            return Health("unused", "Target.InvalidState", text)
        if place.zone not in {subnet.availability_zone for subnet in balancer.subnets}:
            return _NO_ZONE
        return self.cloud.target_health((group.arn, *key))

    def _zone(self, group: Any, target_id: str) -> dict[str, str]:
        """Shown for addresses only: an instance's zone is known."""
        place = locate(self.elbv2_backend, target_id)
        return {"AvailabilityZone": place.zone} if place and group.target_type == "ip" else {}


def _check_port(group: Any, port: int) -> str:
    return str(port if group.health_check_port == "traffic-port" else group.health_check_port)


def _described(health: Health) -> dict[str, str]:
    if health.is_healthy:
        return {"State": health.state}
    return {"State": health.state, "Reason": health.reason, "Description": health.description}
