"""Target groups of which a release cannot make a copy that serves alike: each refused in words."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.aws.elbv2.groups import SLOW_START, STICKY, refuse
from reconciler.errors import Refused

GROUP = {"TargetGroupName": "web", "TargetType": "instance"}


@pytest.mark.parametrize(
    ("group", "attributes", "ports", "says", "cure"),
    [
        ({"TargetType": "ip"}, {}, (80,), "targets of type ip", "another target group"),
        ({"TargetType": "lambda"}, {}, (), "targets of type lambda", "another target group"),
        ({"TargetType": "alb"}, {}, (80,), "targets of type alb", "another target group"),
        ({}, {}, (80, 81), "on several ports (80, 81)", "another target group"),
        ({}, {SLOW_START: "30"}, (80,), "a slow start of 30 s", "slow_start.duration_seconds to 0"),
        ({}, {STICKY: "true"}, (80,), "keeps clients on a target", "stickiness.enabled to false"),
    ],
    ids=["ip", "lambda", "alb", "ports", "slow start", "stickiness"],
)
def test_what_cannot_be_copied_is_refused(
    group: dict[str, Any], attributes: dict[str, str], ports: tuple[int, ...], says: str, cure: str
) -> None:
    """With the name of the group, the reason, and what to do."""
    with pytest.raises(Refused) as refused:
        refuse({**GROUP, **group}, attributes, ports)
    assert str(refused.value).startswith("the target group web ")
    assert says in str(refused.value)
    assert cure in refused.value.cure


def test_any_other_group_is_accepted() -> None:
    """Instances on one port, without stickiness and slow start."""
    refuse(GROUP, {SLOW_START: "0", STICKY: "false"}, (80,))
