"""Load balancers: create, describe, delete.

Sources: CreateLoadBalancer (names, one subnet a zone, two zones for an application load balancer,
idempotent), DeleteLoadBalancer (with its listeners; not under deletion protection; no error where
there is none), DescribeLoadBalancers; Route 53 guide and AWS General Reference (the hosted zone ids
of load balancers, here those of eu-west-1 everywhere).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from deployer.sandbox.aws.elbv2.base import Elbv2Base, check_name, elb_error, invalid
from deployer.sandbox.aws.elbv2.running_plan import release_nodes
from deployer.sandbox.aws.elbv2.tags import read_tags

HOSTED_ZONES = {"application": "Z32O12XQLNTSW2", "network": "Z2IFOLAFXWLO4F"}


class BalancerActions(Elbv2Base):
    """CreateLoadBalancer, DescribeLoadBalancers, DeleteLoadBalancer."""

    def create_load_balancer(self) -> ActionResult:
        """The same request again returns the same balancer."""
        params = self.params
        name, kind = str(params.get("Name") or ""), str(params.get("Type") or "application")
        check_name("Load balancer", name)
        if name.startswith("internal-"):
            raise invalid(f"Load balancer name '{name}' cannot begin with 'internal-'")
        if kind not in HOSTED_ZONES:
            raise NotImplementedError(f"load balancers of type {kind}")
        self._check_subnets(params, kind)
        self._check_groups(params)
        read_tags(params.get("Tags") or ())
        same = next((b for b in self._balancers() if b.name == name), None)
        if same is not None:
            return ActionResult({"LoadBalancers": [_if_same(same, params, kind)]})
        super().create_load_balancer()  # type: ignore[misc]  # moto's
        made = next(b for b in self._balancers() if b.name == name)
        made.scheme = params.get("Scheme") or "internet-facing"
        made.canonical_hosted_zone_id = HOSTED_ZONES[kind]
        made.dns_name = _dns_name(made, self.elbv2_backend.region_name)
        made.asked = _settings(params, kind)
        if kind == "application":
            made.attrs["load_balancing.cross_zone.enabled"] = "true"
        return ActionResult({"LoadBalancers": [made]})

    def describe_load_balancers(self) -> ActionResult:
        """By ARN or name: one that does not exist fails the call."""
        arns, names = self._get_param("LoadBalancerArns", []), self._get_param("Names", [])
        found = self._balancers()
        known = {b.arn for b in found} | {b.name for b in found}
        if not known.issuperset([*arns, *names]):
            raise elb_error("LoadBalancerNotFound", f"Load balancers '{[*arns, *names]}' not found")
        if arns or names:
            found = [b for b in found if b.arn in arns or b.name in names]
        page, marker = self.page(found)
        answer = ActionResult({"LoadBalancers": page, "NextMarker": marker})
        for one in page:
            one.activate()
        return answer

    def delete_load_balancer(self) -> ActionResult:
        """With its listeners; targets and groups stay."""
        arn = self._get_param("LoadBalancerArn")
        balancer = self.elbv2_backend.load_balancers.get(arn)
        if balancer is None:
            return EmptyResult()
        if balancer.attrs.get("deletion_protection.enabled") == "true":
            text = f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
            raise elb_error("OperationNotPermitted", text)
        self.elbv2_backend.delete_load_balancer(arn)
        release_nodes(self.cloud, arn)
        return EmptyResult()

    def _balancers(self) -> list[Any]:
        return list(self.elbv2_backend.load_balancers.values())

    def _check_subnets(self, params: Mapping[str, Any], kind: str) -> None:
        mappings = params.get("SubnetMappings") or ()
        ids = [*(params.get("Subnets") or ()), *(one["SubnetId"] for one in mappings)]
        known = {s.id: s for found in self._ec2.subnets.values() for s in found.values()}
        if not ids or not known.keys() >= set(ids):
            raise elb_error("SubnetNotFound", "One or more subnets are not found")
        zones = [known[one].availability_zone for one in ids]
        if len(set(zones)) < len(zones):
            text = "A load balancer cannot be attached to multiple subnets in the same"
            raise elb_error("InvalidConfigurationRequest", f"{text} Availability Zone")
        if kind == "application" and len(zones) < 2:
            text = "At least two subnets in two different Availability Zones must be specified"
            raise invalid(text)
        if len({known[one].vpc_id for one in ids}) > 1:
            raise elb_error("InvalidSubnet", "The subnets must be in one VPC")

    def _check_groups(self, params: Mapping[str, Any]) -> None:
        for group in params.get("SecurityGroups") or ():
            if self._ec2.get_security_group_from_id(group) is None:
                raise elb_error("InvalidSecurityGroup", f"Security group {group} does not exist")

    @property
    def _ec2(self) -> Any:
        return self.elbv2_backend.ec2_backend


def _settings(params: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """What must be equal for a request to count as the same one."""
    lists = {key: sorted(params.get(key) or ()) for key in ("Subnets", "SecurityGroups")}
    return {"Type": kind, "Scheme": params.get("Scheme") or "internet-facing", **lists}


def _if_same(balancer: Any, params: Mapping[str, Any], kind: str) -> Any:
    if balancer.asked != _settings(params, kind):
        text = f"A load balancer with the same name '{balancer.name}' exists, but with different"
        raise elb_error("DuplicateLoadBalancerName", f"{text} settings")
    return balancer


def _dns_name(balancer: Any, region: str) -> str:
    internal = "internal-" if balancer.scheme == "internal" else ""
    number = balancer.arn.rsplit("/", 1)[-1]
    if balancer.type == "network":
        return f"{balancer.name}-{number}.elb.{region}.amazonaws.com"
    return f"{internal}{balancer.name}-{number}.{region}.elb.amazonaws.com"
