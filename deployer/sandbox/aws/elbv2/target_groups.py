"""Target groups: create, describe, attributes, delete.

Sources: CreateTargetGroup (names; tags; ranges of the health check; idempotent: the same settings
again succeed), DeleteTargetGroup (not while an action names it), TargetGroupAttribute;
terraform-provider-aws#6013 (a group of the same name and settings is returned; whether AWS compares
the tags is not documented, here it does not).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from deployer.sandbox.aws.elbv2.associations import named_groups, note_associations
from deployer.sandbox.aws.elbv2.base import Elbv2Base, check_name, elb_error, invalid
from deployer.sandbox.aws.elbv2.tags import read_tags
from deployer.sandbox.faults import TARGET_GROUPS

PROTOCOLS = ("HTTP", "TCP")
RANGES = {
    "HealthCheckIntervalSeconds": (5, 300),
    "HealthCheckTimeoutSeconds": (2, 120),
    "HealthyThresholdCount": (2, 10),
    "UnhealthyThresholdCount": (2, 10),
}
NUMBERS = {
    "deregistration_delay.timeout_seconds": (0, 3600),
    "slow_start.duration_seconds": (0, 900),
}


class TargetGroupActions(Elbv2Base):
    """CreateTargetGroup, DescribeTargetGroups, ModifyTargetGroup…, DeleteTargetGroup."""

    def create_target_group(self) -> ActionResult:
        """Born with its tags; the same request again returns the same group."""
        params = self.params
        name = str(params.get("Name") or "")
        check_name("Target group", name)
        if "--" in name:  # not documented; AWS's own message has the pattern
            raise invalid(f"Target group name '{name}' must match (?!.*--)(?!^-)(?!.*-$)")
        _check_ranges(params)
        if params.get("TargetType", "instance") not in ("instance", "ip"):
            raise NotImplementedError(f"targets of type {params['TargetType']}")
        if params.get("Protocol") and params["Protocol"] not in PROTOCOLS:
            raise NotImplementedError(f"target groups of protocol {params['Protocol']}")
        tags = read_tags(params.get("Tags") or ())
        known = {one.name: one for one in self._target_groups()}
        if name in known:
            return ActionResult({"TargetGroups": [_if_same(known[name], params)]})
        if len(known) >= self.cloud.faults.quotas[TARGET_GROUPS]:
            raise elb_error("TooManyTargetGroups", "The limit on the number of target groups")
        self.params.pop("Tags", None)  # moto allows ten
        answer: ActionResult = super().create_target_group()  # type: ignore[misc]  # moto's
        (made,) = (one for one in self._target_groups() if one.name == name)
        made.asked = _settings(params)
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.elbv2_backend.tagging_service.tag_resource(made.arn, listed)
        return answer

    def describe_account_limits(self) -> ActionResult:
        """moto's, with the quota of the account; `Max` is a text (DescribeAccountLimits)."""
        answer: Any = super().describe_account_limits()  # type: ignore[misc]  # moto's
        limits = {one["Name"]: str(one["Max"]) for one in answer.result["Limits"]}
        limits |= {TARGET_GROUPS: str(self.cloud.faults.quotas[TARGET_GROUPS])}
        return ActionResult({"Limits": [{"Name": k, "Max": v} for k, v in limits.items()]})

    def describe_target_groups(self) -> ActionResult:
        """All, of a balancer, by name or by ARN: one that does not exist fails the call."""
        note_associations(self.elbv2_backend)
        arns, names = self._get_param("TargetGroupArns", []), self._get_param("Names", [])
        balancer = self._get_param("LoadBalancerArn")
        found = sorted(
            self.elbv2_backend.describe_target_groups(balancer, arns, names),
            key=lambda group: str(group.arn),
        )
        page, marker = self.page(found)
        return ActionResult({"TargetGroups": page, "NextMarker": marker})

    def modify_target_group(self) -> ActionResult:
        """The ranges of the health check are those of the creation."""
        _check_ranges(self.params)
        answer: ActionResult = super().modify_target_group()  # type: ignore[misc]  # moto's
        return answer

    def modify_target_group_attributes(self) -> ActionResult:
        """Numbers have their ranges."""
        given = {one["Key"]: str(one["Value"]) for one in self._get_param("Attributes", [])}
        for key, (lowest, highest) in NUMBERS.items():
            if key in given and not (given[key].isdigit() and lowest <= int(given[key]) <= highest):
                text = f"'{key}' value '{given[key]}' must be between '{lowest}-{highest}'"
                raise invalid(f"{text} inclusive")
        arn = self._get_param("TargetGroupArn")
        if arn not in self.elbv2_backend.target_groups:
            raise elb_error("TargetGroupNotFound", f"Target groups '{arn}' not found")
        self.elbv2_backend.target_groups[arn].attributes.update(given)
        return ActionResult({"Attributes": given})

    def delete_target_group(self) -> ActionResult:
        """Not while an action names it, with whatever weight; registered targets go on."""
        arn = self._get_param("TargetGroupArn")
        for balancer in self.elbv2_backend.load_balancers.values():
            if arn in named_groups(balancer):
                text = f"Target group '{arn}' is currently in use by a listener or a rule"
                raise elb_error("ResourceInUse", text)
        self.elbv2_backend.delete_target_group(arn)
        self.cloud.registrations.pop(arn, None)
        return EmptyResult()

    def _target_groups(self) -> list[Any]:
        return list(self.elbv2_backend.target_groups.values())


def _check_ranges(params: Mapping[str, Any]) -> None:
    for key, (lowest, highest) in RANGES.items():
        value = params.get(key)
        if value is not None and not lowest <= int(value) <= highest:
            raise invalid(f"{key} '{value}' must be between {lowest} and {highest}")


def _settings(params: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key != "Tags"}


def _if_same(group: Any, params: Mapping[str, Any]) -> Any:
    if group.asked != _settings(params):
        text = f"A target group with the same name '{group.name}' exists, but with different"
        raise elb_error("DuplicateTargetGroupName", f"{text} settings")
    return group
