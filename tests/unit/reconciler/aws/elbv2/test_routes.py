"""Listeners and rules are changed right after they were read: what others changed stays."""

from __future__ import annotations

import pytest

from reconciler.aws.elbv2.forward_action import MOST_GROUPS
from reconciler.aws.elbv2.routes import Routes
from reconciler.aws.elbv2.traffic import TargetGroupTraffic
from reconciler.errors import CloudError, Refused
from reconciler.model import tags as t
from reconciler.model.resource import TARGET_GROUP
from reconciler.traffic.port import JoinOrder
from tests.support.aws_api import BIRTH, HASTE, Api
from tests.unit.reconciler.traffic.test_port import ADOPTED, Balancer

OURS = {t.ID: ADOPTED[t.ID], t.LEDGER: ADOPTED[t.LEDGER]}


def joined(made: Balancer) -> tuple[TargetGroupTraffic, str]:
    """The traffic of a release, and its group behind the listener."""
    traffic = TargetGroupTraffic(made.api.aws, "shop", (made.listener,), HASTE)
    (group,) = traffic.join(JoinOrder(BIRTH.deploy, (made.new,), BIRTH.of(TARGET_GROUP)))
    return traffic, group


def test_a_group_that_joined_after_the_decision_stays(api: Api) -> None:
    """The whole action is replaced by each write: it is read right before, not when planned."""
    made = Balancer(api)
    traffic, group = joined(made)
    (route,) = traffic.read().routes
    another = made.make("another", OURS)
    arns = {share.group: share.weight for share in route.shares}
    prefix = made.group.rpartition("targetgroup/")[0]
    made.forward({**{f"{prefix}{one}": n for one, n in arns.items()}, another: 0})
    traffic.switch(made.listener, group, route.holders)
    (now,) = traffic.read().routes
    assert {share.group: share.weight for share in now.shares} == {
        **dict.fromkeys(arns, 0),
        group: 1,
        another.rpartition(":")[2]: 0,
    }


def test_rule_11_a_group_that_got_the_requests_after_the_decision_keeps_them(api: Api) -> None:
    """It is the service's own, but not the one that the switch was decided on."""
    made = Balancer(api)
    traffic, group = joined(made)
    (route,) = traffic.read().routes
    another = made.make("another", OURS)
    made.forward({made.group: 0, another: 1})
    with pytest.raises(Refused, match="which had none when the switch was decided"):
        traffic.switch(made.listener, group, route.holders)
    (now,) = traffic.read().routes
    assert [share.group for share in now.serving] == [another.rpartition(":")[2]]


def test_an_action_has_room_for_so_many_groups(api: Api) -> None:
    """AWS would refuse it; the words say who makes room."""
    made = Balancer(api)
    others = [made.make(f"old-{n}", OURS) for n in range(MOST_GROUPS - 1)]
    made.forward({made.group: 1, **dict.fromkeys(others, 0)})
    with pytest.raises(CloudError, match="would name 6 target groups; AWS takes 5") as refused:
        joined(made)
    assert "sweep" in refused.value.cure


def test_a_default_rule_is_its_listeners(api: Api) -> None:
    """ModifyRule does not take it: the words name the key."""
    made = Balancer(api)
    rules = api.elbv2.describe_rules(ListenerArn=made.listener)["Rules"]
    (default,) = (one["RuleArn"] for one in rules if one["IsDefault"])
    with pytest.raises(CloudError, match="is the default rule") as refused:
        Routes(api.aws, HASTE).actions(default)
    assert "[traffic] listener" in refused.value.cure
