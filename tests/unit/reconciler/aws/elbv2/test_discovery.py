"""The listener behind a record that is an alias."""

from __future__ import annotations

import pytest

from reconciler.aws.elbv2.discovery import listener_behind
from reconciler.errors import ConfigError
from tests.support.aws_api import Api
from tests.unit.reconciler.traffic.test_port import Balancer

NAME = "shop.example.com"


def alias_of(api: Api) -> str:
    """The name of the only load balancer."""
    (one,) = api.elbv2.describe_load_balancers()["LoadBalancers"]
    return str(one["DNSName"]).lower()


def test_the_one_that_forwards(api: Api) -> None:
    """Also of a dual-stack alias; one that answers by itself is not meant."""
    made = Balancer(api)
    (balancer,) = api.elbv2.describe_load_balancers()["LoadBalancers"]
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    api.elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=81,
        DefaultActions=[answer],
    )
    for alias in (alias_of(api), f"dualstack.{alias_of(api)}"):
        assert listener_behind(api.aws, "shop", NAME, alias) == made.listener


def test_which_of_several_is_not_guessed(api: Api) -> None:
    """They are listed, with the key to choose by."""
    made = Balancer(api)
    (balancer,) = api.elbv2.describe_load_balancers()["LoadBalancers"]
    api.elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=81,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": made.group}],
    )
    with pytest.raises(ConfigError) as refused:
        listener_behind(api.aws, "shop", NAME, alias_of(api))
    assert made.listener in refused.value.detail
    assert "[traffic] listener" in refused.value.cure


@pytest.mark.parametrize("alias", ["", "other.example.net"])
def test_no_balancer_of_ours(api: Api, alias: str) -> None:
    """Refused in words."""
    with pytest.raises(ConfigError, match=r"of no load balancer of"):
        listener_behind(api.aws, "shop", NAME, alias)
