"""Finds the listener of a service whose record is an alias of a load balancer."""

from __future__ import annotations

from typing import Any

from reconciler.aws.client.errors import calling
from reconciler.aws.client.session import Aws
from reconciler.aws.elbv2 import forward_action
from reconciler.errors import ConfigError

_DUAL_STACK = "dualstack."


def listener_behind(aws: Aws, service: str, record: str, alias: str) -> str:
    """The one listener that forwards, of the balancer of that DNS name. Raises ConfigError.

    Where several do, which of them belong to the service is not guessed.
    """
    file = f"services/{service}.toml"
    balancer = _balancer(aws, alias.removeprefix(_DUAL_STACK)) if alias else None
    if balancer is None:
        what = f"is an alias of {alias}" if alias else "is no alias"
        raise ConfigError(
            f"{record} {what}, and of no load balancer of {aws.place}",
            cure=f'name the listener in {file}: [traffic] listener = "arn:…"',
        )
    with calling("elasticloadbalancing:DescribeListeners"):
        pages = aws.elbv2.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer)
        listed = [one for page in pages for one in page["Listeners"]]
    found = [one["ListenerArn"] for one in listed if _forwards(one)]
    if len(found) == 1:
        return str(found[0])
    many = "\n".join(found) or "none of its listeners forwards by its default action"
    raise ConfigError(
        f"{record} leads to a load balancer with {len(found)} listeners that forward",
        detail=many,
        cure=f'name those of {service}, or rules, in {file}: [traffic] listener = ["arn:…"]',
    )


def _balancer(aws: Aws, name: str) -> str | None:
    with calling("elasticloadbalancing:DescribeLoadBalancers"):
        for page in aws.elbv2.get_paginator("describe_load_balancers").paginate():
            for one in page["LoadBalancers"]:
                if one["DNSName"].lower() == name:
                    return str(one["LoadBalancerArn"])
    return None


def _forwards(listener: Any) -> bool:
    return bool(forward_action.weights(listener["DefaultActions"]))
