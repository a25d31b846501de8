"""Which groups the actions name: what may be named, and what is in use.

Sources: API model, TargetGroupAssociationLimit (one load balancer a group), IncompatibleProtocols;
Application Load Balancers guide, "Target groups" (the group is in the balancer's VPC);
kubernetes-sigs/aws-load-balancer-controller#2734 (stickiness of targets in a weighted action).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer.sandbox.aws.elbv2.base import elb_error
from deployer.sandbox.aws.elbv2.forwarding import groups_of


def named_groups(balancer: Any) -> set[str]:
    """Every group that an action of the balancer names, whatever its weight."""
    return {
        arn
        for listener in balancer.listeners.values()
        for rule in listener.rules.values()
        for arn in groups_of(action.data for action in rule.actions)
    }


def note_associations(backend: Any) -> None:
    """Bring LoadBalancerArns of every group up to date; moto only ever adds to them."""
    named = {one.arn: named_groups(one) for one in backend.load_balancers.values()}
    for group in backend.target_groups.values():
        group.load_balancer_arns = [arn for arn, groups in named.items() if group.arn in groups]


def check_groups(
    backend: Any, balancer: Any, protocol: str, actions: Iterable[Mapping[str, Any]]
) -> None:
    """Refuse actions that name a group which this listener cannot use.

    Raises:
        ELBClientError: TargetGroupNotFound, IncompatibleProtocols, TargetGroupAssociationLimit or
            InvalidConfigurationRequest.
    """
    actions = tuple(actions)
    check_stickiness(backend, actions)
    for arn in groups_of(actions):
        group = backend.target_groups.get(arn)
        if group is None:
            raise elb_error("TargetGroupNotFound", f"Target groups '{arn}' not found")
        if group.protocol != protocol:
            text = f"The target group '{arn}' ({group.protocol}) cannot be used with a {protocol}"
            raise elb_error("IncompatibleProtocols", f"{text} listener")
        if group.vpc_id != balancer.vpc_id:
            text = f"The target group '{arn}' is in another VPC than the load balancer"
            raise elb_error("InvalidConfigurationRequest", text)
        others = [b for b in backend.load_balancers.values() if b is not balancer]
        if any(arn in named_groups(one) for one in others):
            text = f"The target group '{arn}' cannot be associated with more than one load balancer"
            raise elb_error("TargetGroupAssociationLimit", text)


def check_stickiness(backend: Any, actions: Iterable[Mapping[str, Any]]) -> None:
    """Refuse several groups of which one keeps clients on a target, unless the rule keeps them too.

    Raises:
        ELBClientError: InvalidConfigurationRequest.
    """
    for action in actions:
        groups = [backend.target_groups.get(arn) for arn in groups_of([action])]
        sticky = (str(g.attributes.get("stickiness.enabled")) for g in groups if g is not None)
        if len(groups) > 1 and "true" in sticky and not _keeps_on_group(action):
            text = "You must enable group stickiness on a rule if you enabled target stickiness on"
            raise elb_error("InvalidConfigurationRequest", f"{text} one of its target groups")


def _keeps_on_group(action: Mapping[str, Any]) -> bool:
    return bool(action["ForwardConfig"]["TargetGroupStickinessConfig"]["Enabled"])
