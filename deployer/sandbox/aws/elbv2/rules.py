"""Rules of a listener, beside its default rule.

Sources: CreateRule (priority 1 to 50000, each once), ModifyRule (replaces the properties that are
given), DeleteRule ("You can't delete the default rule"), SetRulePriorities; Application Load
Balancers guide, "Listener rules" (the default rule has no conditions and is edited with the
listener).
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from deployer.sandbox.aws.elbv2.associations import check_groups
from deployer.sandbox.aws.elbv2.base import Elbv2Base, elb_error, invalid
from deployer.sandbox.aws.elbv2.forwarding import read_actions
from deployer.sandbox.aws.elbv2.listeners import default_rule, find_listeners, written
from deployer.sandbox.aws.elbv2.tags import read_tags

LAST_PRIORITY = 50_000
FIELDS = {"host-header": "HostHeaderConfig", "path-pattern": "PathPatternConfig"}
"""The conditions that the sandbox's balancer follows."""


class RuleActions(Elbv2Base):
    """CreateRule, ModifyRule, DeleteRule, DescribeRules, SetRulePriorities."""

    def create_rule(self) -> ActionResult:
        """A rule has a priority of its own, conditions and one action."""
        params = self.params
        (listener,) = find_listeners(self.elbv2_backend, [str(params.get("ListenerArn"))])
        priority = int(params.get("Priority") or 0)
        if not 1 <= priority <= LAST_PRIORITY:
            raise invalid(f"The priority must be between 1 and {LAST_PRIORITY}")
        conditions = _conditions(params)
        read_tags(params.get("Tags") or ())
        made = self.elbv2_backend.create_rule(
            listener_arn=listener.arn,
            conditions=conditions,
            priority=priority,
            actions=self._actions(listener, params),
            tags=params.get("Tags"),
        )
        return ActionResult({"Rules": [made]})

    def modify_rule(self) -> ActionResult:
        """What is not given stays; conditions or actions that are given replace the old ones."""
        params = self.params
        listener, rule = self._changeable(params.get("RuleArn"))
        actions = self._actions(listener, params) if "Actions" in params else None
        if "Conditions" in params:
            rule.conditions = _conditions(params)
        if actions is not None:
            rule.actions = written(actions)
        return ActionResult({"Rules": [rule]})

    def delete_rule(self) -> ActionResult:
        """Not the default rule."""
        listener, rule = self._changeable(self._get_param("RuleArn"))
        listener.remove_rule(rule.arn)
        return EmptyResult()

    def set_rule_priorities(self) -> ActionResult:
        """Not of the default rule."""
        for one in self._get_param("RulePriorities", []):
            self._changeable(one.get("RuleArn"))
        answer: ActionResult = super().set_rule_priorities()  # type: ignore[misc]  # moto's
        return answer

    def describe_rules(self) -> ActionResult:
        """In the order of their priority, the default rule last."""
        arn, arns = self._get_param("ListenerArn"), self._get_param("RuleArns") or []
        if bool(arn) == bool(arns):
            raise invalid("You must specify either listener rule ARNs or a listener ARN")
        if arn:
            found = in_order(find_listeners(self.elbv2_backend, [arn])[0])
        else:
            found = [self._find(one)[1] for one in arns]
        page, marker = self.page(found)
        return ActionResult({"Rules": page, "NextMarker": marker})

    def _actions(self, listener: Any, params: Any) -> list[dict[str, Any]]:
        actions = read_actions(params.get("Actions") or ())
        balancer = self.elbv2_backend.load_balancers[listener.load_balancer_arn]
        check_groups(self.elbv2_backend, balancer, listener.protocol, actions)
        return actions

    def _changeable(self, arn: Any) -> tuple[Any, Any]:
        listener, rule = self._find(arn)
        if rule.is_default:
            text = f"Default rule '{arn}' cannot be modified or deleted: modify its listener"
            raise elb_error("OperationNotPermitted", text)
        return listener, rule

    def _find(self, arn: Any) -> tuple[Any, Any]:
        for balancer in self.elbv2_backend.load_balancers.values():
            for listener in balancer.listeners.values():
                for rule in listener.rules.values():
                    if rule.arn == arn:
                        return listener, rule
        raise elb_error("RuleNotFound", f"Rule '{arn}' not found")


def in_order(listener: Any) -> list[Any]:
    """A listener's rules as they are tried."""
    default = default_rule(listener)
    others = [rule for rule in listener.rules.values() if rule is not default]
    return [*sorted(others, key=lambda rule: int(rule.priority)), default]


def patterns(conditions: Any, field: str) -> tuple[str, ...]:
    """The values of a rule's condition, in either of the two ways to write them."""
    return tuple(
        str(value)
        for one in conditions
        if one.get("Field") == field
        for value in (one.get(FIELDS[field]) or one).get("Values") or ()
    )


def _conditions(params: Any) -> list[dict[str, Any]]:
    conditions: list[dict[str, Any]] = params.get("Conditions") or []
    if not conditions:
        raise invalid("A condition must be specified")
    for one in conditions:
        if one.get("Field") not in FIELDS:
            raise NotImplementedError(f"conditions on {one.get('Field')}")
        if not patterns([one], str(one["Field"])):
            raise invalid("A condition value must be specified")
    return conditions
