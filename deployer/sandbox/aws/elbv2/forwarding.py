"""The actions of listeners and rules: checked, and written out as AWS shows them. Pure.

Sources: API model, Action, ForwardActionConfig, TargetGroupTuple (weight 0 to 999),
TargetGroupStickinessConfig; Application Load Balancers guide, "Forward actions" (up to five
groups), quotas ("Target groups per action"); aws/aws-cdk#24805 (several groups need weights).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer.sandbox.aws.elbv2.base import elb_error, invalid

MOST_GROUPS, HIGHEST_WEIGHT, LONGEST_STICKINESS = 5, 999, 604_800
ROUTING = ("forward", "fixed-response", "redirect")
Action = dict[str, Any]


def read_actions(raw: Iterable[Mapping[str, Any]]) -> list[Action]:
    """The actions of a request, complete: what is not in it is not in the rule afterwards.

    Raises:
        ELBClientError: an action that AWS refuses.
        NotImplementedError: one that the sandbox cannot carry out.
    """
    actions = [dict(one) for one in raw]
    kinds = [str(one.get("Type")) for one in actions]
    for kind in kinds:
        if kind.startswith(("authenticate", "jwt")) or kind == "redirect":
            raise NotImplementedError(f"actions of type {kind}")
        if kind not in ROUTING:
            raise invalid(f"'{kind}' is not a valid action type")
    if len(actions) != 1:
        text = "A rule must have exactly one forward, redirect or fixed-response action"
        raise elb_error("InvalidLoadBalancerAction", text)
    if kinds == ["forward"]:
        return [_forward(actions[0])]
    return [_fixed(actions[0])]


def groups_of(actions: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Weight by group of written-out actions."""
    return {
        group["TargetGroupArn"]: int(group["Weight"])
        for action in actions
        if action["Type"] == "forward"
        for group in action["ForwardConfig"]["TargetGroups"]
    }


def _forward(action: Action) -> Action:
    config = action.get("ForwardConfig") or {}
    groups = [dict(one) for one in config.get("TargetGroups") or ()]
    single = action.get("TargetGroupArn")
    if single and groups and [one.get("TargetGroupArn") for one in groups] != [single]:
        text = "a single target group must be the same in ForwardConfig and TargetGroupArn"
        raise elb_error("InvalidLoadBalancerAction", text)
    groups = groups or ([{"TargetGroupArn": single}] if single else [])
    if not groups:
        raise invalid("A target group ARN must be specified")
    if len(groups) > MOST_GROUPS:
        text = f"A forward action takes at most {MOST_GROUPS} target groups"
        raise elb_error("TooManyUniqueTargetGroupsPerLoadBalancer", text)
    written: Action = {
        "Type": "forward",
        "ForwardConfig": {
            "TargetGroups": _weighted(groups),
            "TargetGroupStickinessConfig": _stickiness(config),
        },
    }
    if len(groups) == 1:
        written["TargetGroupArn"] = groups[0]["TargetGroupArn"]
    if action.get("Order") is not None:
        written["Order"] = action["Order"]
    return written


def _weighted(groups: list[Action]) -> list[Action]:
    arns = [one.get("TargetGroupArn") for one in groups]
    if not all(arns) or len(set(arns)) < len(arns):
        raise invalid("The target groups of an action must be given, each of them once")
    if len(groups) == 1:
        groups = [{"Weight": 1, **groups[0]}]
    for one in groups:
        weight = one.get("Weight")
        if weight is None or not 0 <= int(weight) <= HIGHEST_WEIGHT:
            text = f"between 0 and {HIGHEST_WEIGHT}, inclusive"
            raise invalid(f"The weight for each target group must be {text}")
    return [{"TargetGroupArn": g["TargetGroupArn"], "Weight": int(g["Weight"])} for g in groups]


def _stickiness(config: Mapping[str, Any]) -> Action:
    """Accepted and shown; the sandbox's balancer does not follow it."""
    given = config.get("TargetGroupStickinessConfig") or {}
    if str(given.get("Enabled")).lower() != "true":
        return {"Enabled": False}
    seconds = int(given.get("DurationSeconds") or 0)
    if not 1 <= seconds <= LONGEST_STICKINESS:
        text = f"The stickiness duration must be between 1 and {LONGEST_STICKINESS} seconds"
        raise invalid(text)
    return {"Enabled": True, "DurationSeconds": seconds}


def _fixed(action: Action) -> Action:
    config = action.get("FixedResponseConfig") or {}
    code = str(config.get("StatusCode") or "")
    if len(code) != 3 or code[0] not in "245" or not code.isdigit():
        raise invalid(f"The status code '{code}' of a fixed response is not valid")
    return action
