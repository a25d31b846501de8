"""Where a request goes: rule, then group by weight, then target. Pure.

Sources: Application Load Balancers guide, "Listener rules" (the first matching rule by priority),
"Forward actions" (weights; no failover from a group without targets to another), "Target group
health" (fail open: with no healthy target every target receives requests), "Cross-zone load
balancing" (off: a node uses the targets of its own zone alone).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from deployer.sandbox.balancer.plan import (
    Balancer,
    Health,
    Listener,
    Node,
    Plan,
    Rule,
    Target,
    TargetGroup,
)

HealthOf = Callable[[Target], Health]


def find_rule(listener: Listener, host: str, path: str) -> Rule:
    """The first rule that matches; the default rule matches everything."""
    for rule in listener.rules:
        if _fits(rule.hosts, host.partition(":")[0].lower()) and _fits(rule.paths, path):
            return rule
    return listener.rules[-1]


def _fits(patterns: tuple[str, ...], text: str) -> bool:
    return not patterns or any(_pattern(one).fullmatch(text) for one in patterns)


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    """`*` stands for any characters, `?` for one."""
    return re.compile("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in text), re.DOTALL)


def choose_group(rule: Rule, point: float) -> str | None:
    """The group at `point` (0 to 1) of the summed weights; None where all weights are zero."""
    total = sum(weight for _, weight in rule.weights)
    rest = point * total
    for arn, weight in rule.weights:
        rest -= weight
        if weight and rest < 0:
            return arn
    return None


def candidates(group: TargetGroup, node: Node, health: HealthOf) -> list[Target]:
    """The targets that may receive a new request: the healthy ones, else all."""
    serving = [one for one in group.targets if not one.drains_until]
    near = [one for one in serving if group.cross_zone or one.zone == node.zone]
    return [one for one in near if health(one).is_healthy] or near


def addresses(plan: Plan, dns_name: str, health: HealthOf) -> tuple[str, ...]:
    """What a balancer's DNS name resolves to; nothing for the name of no balancer.

    Nodes without a healthy target are left out, unless that is true of all. With cross-zone
    balancing every node reaches every target.
    """
    wanted = dns_name.lower().rstrip(".").removeprefix("dualstack.")
    for balancer in plan.balancers:
        if balancer.dns_name.lower() == wanted:
            groups = [plan.groups[arn] for arn in _named(balancer) if arn in plan.groups]
            serving = [node for node in balancer.nodes if _serves(node, groups, health)]
            return tuple(node.address for node in serving or balancer.nodes)
    return ()


def _named(balancer: Balancer) -> set[str]:
    rules = (rule for listener in balancer.listeners for rule in listener.rules)
    return {arn for rule in rules for arn, _ in rule.weights}


def _serves(node: Node, groups: Iterable[TargetGroup], health: HealthOf) -> bool:
    return any(
        health(target).is_healthy and (group.cross_zone or target.zone == node.zone)
        for group in groups
        for target in group.targets
    )
