"""Listeners, rules and their forward actions. Sources: API model; ALB guide, "Listener rules"."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.elb import FIXED, Elb, forwards, weights_of
from tests.contract.helpers import refused


def rule_of(elb: Elb, arn: str) -> Any:
    """A rule as DescribeRules shows it."""
    return elb.client.describe_rules(RuleArns=[arn])["Rules"][0]


@pytest.mark.parametrize("weight", [0, 999])
def test_weights_from_0_to_999(elb: Elb, weight: int) -> None:
    """TargetGroupTuple, Weight: "The range is 0 to 999"."""
    one, two = elb.group("one"), elb.group("two")
    listener = elb.listener(elb.balancer(), forwards({one: weight, two: 1}))
    assert elb.weights(listener) == {one: weight, two: 1}


@pytest.mark.parametrize("weight", [-1, 1000, None])
def test_other_weights_are_refused(elb: Elb, weight: int | None) -> None:
    """Several groups need a weight each (aws/aws-cdk#24805 has the answer's words)."""
    one, two = elb.group("one"), elb.group("two")
    with refused("ValidationError"):
        elb.listener(elb.balancer(), forwards({one: weight, two: 1}))


def test_five_groups_an_action(elb: Elb) -> None:
    """No more (ALB quotas, "Target groups per action")."""
    groups = [elb.group(f"g{n}") for n in range(6)]
    balancer = elb.balancer()
    listener = elb.listener(balancer, forwards(dict.fromkeys(groups[:5], 1)))
    assert len(elb.weights(listener)) == 5
    with refused("TooManyUniqueTargetGroupsPerLoadBalancer", "ValidationError"):
        elb.client.modify_listener(
            ListenerArn=listener, DefaultActions=[forwards(dict.fromkeys(groups, 1))]
        )


def test_a_group_without_a_weight_alone(elb: Elb) -> None:
    """TargetGroupArn is short for a ForwardConfig of one group; both are shown (Action)."""
    group = elb.group()
    listener = elb.listener(elb.balancer(), {"Type": "forward", "TargetGroupArn": group})
    (action,) = elb.client.describe_listeners(ListenerArns=[listener])["Listeners"][0][
        "DefaultActions"
    ]
    assert action["TargetGroupArn"] == group
    assert action["ForwardConfig"] == {
        "TargetGroups": [{"TargetGroupArn": group, "Weight": 1}],
        "TargetGroupStickinessConfig": {"Enabled": False},
    }


def test_a_group_stands_once_in_an_action(elb: Elb) -> None:
    """A second entry of the same group is refused (API model, ForwardActionConfig)."""
    group = elb.group()
    action = forwards({group: 1})
    action["ForwardConfig"]["TargetGroups"] *= 2
    with refused("ValidationError"):
        elb.listener(elb.balancer(), action)


def test_the_two_ways_to_name_a_group_agree(elb: Elb) -> None:
    """AWS: "It must be the same target group specified in TargetGroupArn" (API model, Action)."""
    one, two = elb.group("one"), elb.group("two")
    with refused("InvalidLoadBalancerAction", "ValidationError"):
        elb.listener(elb.balancer(), {**forwards({one: 1}), "TargetGroupArn": two})


def test_a_group_that_does_not_exist(elb: Elb) -> None:
    """TargetGroupNotFound: a late request that names a deleted group changes nothing."""
    kept, gone = elb.group("kept"), elb.group("gone")
    listener = elb.listener(elb.balancer(), forwards({kept: 1}))
    elb.client.delete_target_group(TargetGroupArn=gone)
    with refused("TargetGroupNotFound"):
        elb.client.modify_listener(
            ListenerArn=listener, DefaultActions=[forwards({kept: 0, gone: 1})]
        )
    assert elb.weights(listener) == {kept: 1}


def test_a_name_made_again_is_another_group(elb: Elb) -> None:
    """The ARN ends in an id of its own: what names the deleted one does not reach the new one."""
    old = elb.group("shop")
    elb.client.delete_target_group(TargetGroupArn=old)
    new = elb.group("shop")
    assert new != old
    with refused("TargetGroupNotFound"):
        elb.listener(elb.balancer(), forwards({old: 1}))


def test_a_modify_replaces_the_whole_action(elb: Elb) -> None:
    """AWS: "You must provide the entire list" (ModifyListener): a group left out is detached."""
    one, two = elb.group("one"), elb.group("two")
    listener = elb.listener(elb.balancer(), forwards({one: 1, two: 0}))
    elb.client.modify_listener(ListenerArn=listener, DefaultActions=[forwards({two: 7})])
    assert elb.weights(listener) == {two: 7}


def test_what_a_modify_does_not_name_stays(elb: Elb) -> None:
    """AWS: "Any properties that you do not specify remain unchanged" (ModifyRule too)."""
    group, other = elb.group("one"), elb.group("two")
    listener = elb.listener(elb.balancer(), forwards({group: 1}))
    elb.client.modify_listener(ListenerArn=listener, Port=9090)
    assert elb.weights(listener) == {group: 1}
    rule = elb.rule(listener, forwards({group: 1}), "/a")
    elb.client.modify_rule(RuleArn=rule, Actions=[forwards({other: 1})])
    found = rule_of(elb, rule)
    assert found["Conditions"][0]["Values"] == ["/a"]
    assert weights_of(found["Actions"]) == {other: 1}


def test_the_last_write_wins(elb: Elb) -> None:
    """No request carries what it expects to find: two writers undo each other (API model)."""
    one, two = elb.group("one"), elb.group("two")
    listener = elb.listener(elb.balancer(), forwards({one: 1, two: 0}))
    seen = elb.client.describe_listeners(ListenerArns=[listener])["Listeners"][0]
    elb.client.modify_listener(ListenerArn=listener, DefaultActions=[forwards({two: 1})])
    elb.client.modify_listener(
        ListenerArn=listener,
        DefaultActions=seen["DefaultActions"],
    )
    assert elb.weights(listener) == {one: 1, two: 0}


def test_the_default_rule_is_changed_with_its_listener_alone(elb: Elb) -> None:
    """OperationNotPermitted for ModifyRule, DeleteRule, SetRulePriorities (ALB guide)."""
    one, two = elb.group("one"), elb.group("two")
    listener = elb.listener(elb.balancer(), forwards({one: 1}))
    (default,) = elb.client.describe_rules(ListenerArn=listener)["Rules"]
    arn = default["RuleArn"]
    assert (default["IsDefault"], default["Priority"]) == (True, "default")
    with refused("OperationNotPermitted"):
        elb.client.modify_rule(RuleArn=arn, Actions=[forwards({two: 1})])
    with refused("OperationNotPermitted"):
        elb.client.delete_rule(RuleArn=arn)
    with refused("OperationNotPermitted"):
        elb.client.set_rule_priorities(RulePriorities=[{"RuleArn": arn, "Priority": 5}])
    elb.client.modify_listener(ListenerArn=listener, DefaultActions=[forwards({two: 1})])
    assert weights_of(rule_of(elb, arn)["Actions"]) == {two: 1}


def test_rules_come_in_the_order_of_their_priority(elb: Elb) -> None:
    """The default rule last; a priority stands once (CreateRule; ALB guide, "Rule priority")."""
    listener = elb.listener(elb.balancer(), FIXED)
    late, early = elb.rule(listener, FIXED, "/late", 200), elb.rule(listener, FIXED, "/early", 3)
    found = elb.client.describe_rules(ListenerArn=listener)["Rules"]
    assert [one["RuleArn"] for one in found][:2] == [early, late]
    assert found[-1]["IsDefault"]
    with refused("PriorityInUse"):
        elb.rule(listener, FIXED, "/again", 3)
    with refused("ValidationError"):
        elb.rule(listener, FIXED, "/beyond", 50_001)


def test_a_deleted_rule_is_not_found(elb: Elb) -> None:
    """RuleNotFound (ModifyRule, DeleteRule)."""
    listener = elb.listener(elb.balancer(), FIXED)
    rule = elb.rule(listener, FIXED)
    elb.client.delete_rule(RuleArn=rule)
    with refused("RuleNotFound"):
        elb.client.modify_rule(RuleArn=rule, Actions=[FIXED])
    with refused("RuleNotFound"):
        elb.client.delete_rule(RuleArn=rule)


def test_a_group_serves_one_balancer(elb: Elb) -> None:
    """TargetGroupAssociationLimit for a second one; a second listener of the first may name it."""
    group = elb.group()
    first, second = elb.balancer("first"), elb.balancer("second")
    elb.listener(first, forwards({group: 1}))
    elb.listener(first, forwards({group: 1}), port=9090)
    with refused("TargetGroupAssociationLimit"):
        elb.listener(second, forwards({group: 1}))


def test_protocols_of_listener_and_group_fit(elb: Elb) -> None:
    """IncompatibleProtocols (CreateListener)."""
    group = elb.group(Protocol="TCP")
    with refused("IncompatibleProtocols"):
        elb.listener(elb.balancer(), forwards({group: 1}))


def test_stickiness_of_groups_needs_a_duration(elb: Elb) -> None:
    """1 to 604800 s "when enabling target group stickiness" (TargetGroupStickinessConfig)."""
    one, two = elb.group("one"), elb.group("two")
    balancer = elb.balancer()
    action = forwards({one: 1, two: 1})
    action["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True}
    with refused("ValidationError"):
        elb.listener(balancer, action)
    sticky = {"Enabled": True, "DurationSeconds": 60}
    action["ForwardConfig"]["TargetGroupStickinessConfig"] = sticky
    listener = elb.listener(balancer, action)
    (found,) = elb.client.describe_listeners(ListenerArns=[listener])["Listeners"]
    assert found["DefaultActions"][0]["ForwardConfig"]["TargetGroupStickinessConfig"] == sticky


def test_one_routing_action_a_rule(elb: Elb) -> None:
    """AWS: "Exactly one of forward, fixed-response, or redirect" (API model, Action)."""
    listener = elb.listener(elb.balancer(), FIXED)
    with refused("InvalidLoadBalancerAction", "ValidationError"):
        elb.client.modify_listener(ListenerArn=listener, DefaultActions=[FIXED, FIXED])
    with refused("InvalidLoadBalancerAction", "ValidationError"):
        elb.client.modify_listener(ListenerArn=listener, DefaultActions=[])


@pytest.mark.parametrize("deleted", [True, False])
def test_a_late_copy_of_an_attach(elb: Elb, deleted: bool) -> None:
    """It switches back, unless a group that it names was deleted before it came."""
    old, new = elb.group("old"), elb.group("new")
    listener = elb.listener(elb.balancer(), forwards({old: 1}))

    def modify(**weights: int) -> None:
        action = forwards({{"old": old, "new": new}[name]: one for name, one in weights.items()})
        elb.client.modify_listener(ListenerArn=listener, DefaultActions=[action])

    modify(old=1, new=0)
    modify(old=0, new=1)
    modify(new=1)
    if deleted:
        elb.client.delete_target_group(TargetGroupArn=old)
        with refused("TargetGroupNotFound"):
            modify(old=1, new=0)
        assert elb.weights(listener) == {new: 1}
    else:
        modify(old=1, new=0)
        assert elb.weights(listener) == {old: 1, new: 0}


def test_no_second_group_beside_one_that_keeps_clients_on_a_target(elb: Elb) -> None:
    """Unless the rule keeps them on a group (kubernetes-sigs/aws-load-balancer-controller#2734)."""
    one, two = elb.group("one"), elb.group("two")
    elb.set_attribute(one, "stickiness.enabled", "true")
    listener = elb.listener(elb.balancer(), forwards({one: 1}))
    action = forwards({one: 1, two: 0})
    with refused("InvalidConfigurationRequest", "InvalidLoadBalancerAction"):
        elb.client.modify_listener(ListenerArn=listener, DefaultActions=[action])
    kept = {"Enabled": True, "DurationSeconds": 60}
    action["ForwardConfig"]["TargetGroupStickinessConfig"] = kept
    elb.client.modify_listener(ListenerArn=listener, DefaultActions=[action])
    assert elb.weights(listener) == {one: 1, two: 0}


def test_an_action_of_a_network_load_balancer_has_weights(elb: Elb) -> None:
    """Since November 2025 (AWS blog, "Network Load Balancers now support Weighted Target Groups").

    Connections that are open stay where they are (NLB guide, "Listeners"); one group needs none.
    """
    one, two = elb.group("one", Protocol="TCP"), elb.group("two", Protocol="TCP")
    balancer = elb.balancer(Type="network")
    made = elb.client.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="TCP",
        Port=8080,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": one}],
    )
    listener = made["Listeners"][0]["ListenerArn"]
    elb.client.modify_listener(ListenerArn=listener, DefaultActions=[forwards({one: 1, two: 0})])
    assert elb.weights(listener) == {one: 1, two: 0}
