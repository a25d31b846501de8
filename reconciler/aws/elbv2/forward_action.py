"""The forward action of a listener or rule: read, and written whole with other weights. Pure.

A change replaces the whole list of actions, so what is not written again is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MOST_GROUPS = 5
"""Target groups that one action takes (quotas of application load balancers)."""

Raw = Mapping[str, Any]


def oddity(actions: Sequence[Raw]) -> str:
    """Why these actions are never changed; '' if they are one plain forward action."""
    if [one.get("Type") for one in actions] != ["forward"]:
        kinds = ", ".join(str(one.get("Type")) for one in actions) or "no action"
        return f"is not one forward action ({kinds})"
    config = actions[0].get("ForwardConfig") or {}
    if (config.get("TargetGroupStickinessConfig") or {}).get("Enabled"):
        return "keeps clients on their target group (stickiness of groups), whatever the weights"
    return ""


def weights(actions: Sequence[Raw]) -> dict[str, int]:
    """Weight by the group's ARN, in the order of the action."""
    found: dict[str, int] = {}
    for one in actions:
        listed = (one.get("ForwardConfig") or {}).get("TargetGroups") or ()
        found.update((group["TargetGroupArn"], int(group.get("Weight", 1))) for group in listed)
        if not listed and one.get("TargetGroupArn"):
            found[one["TargetGroupArn"]] = 1
    return found


def with_weights(actions: Sequence[Raw], wanted: Mapping[str, int]) -> list[dict[str, Any]]:
    """The same actions with these groups and weights; all else of them as it was."""
    (action,) = actions
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in wanted.items()]
    rest = {key: value for key, value in action.items() if key != "TargetGroupArn"}
    config = {**(action.get("ForwardConfig") or {}), "TargetGroups": groups}
    return [{**rest, "ForwardConfig": config}]


def attached(now: Mapping[str, int], group: str) -> dict[str, int]:
    """With the group, without requests for it: then its targets are checked."""
    return {**now, group: now.get(group, 0)}


def switched(now: Mapping[str, int], group: str) -> dict[str, int]:
    """All requests to the group; the others stay, without any."""
    if [arn for arn, weight in now.items() if weight] == [group]:
        return dict(now)
    return {**dict.fromkeys(now, 0), group: 1}


def detached(now: Mapping[str, int], group: str) -> dict[str, int]:
    """Without the group."""
    return {arn: weight for arn, weight in now.items() if arn != group}
