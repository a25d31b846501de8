"""Several listeners and rules of one service, on two load balancers, one of them for TCP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.aws.elbv2.traffic import TargetGroupTraffic
from reconciler.errors import CloudError, Refused
from reconciler.model import tags as t
from reconciler.traffic.port import JoinOrder
from reconciler.traffic.reading import TrafficRoute, balancer_of
from tests.support.aws_api import DEPLOY, HASTE, LEDGER, Api, pairs
from tests.unit.reconciler.traffic.test_port import ADOPTED, BY_HAND, LIVE, Balancer

NOTHING = {"StatusCode": "404"}
NETWORK = {
    "deregistration_delay.connection_termination.enabled": "true",
    "deregistration_delay.timeout_seconds": "45",
    "preserve_client_ip.enabled": "false",
    "proxy_protocol_v2.enabled": "true",
}


@dataclass
class Doors(Balancer):
    """Two listeners and a rule of an application load balancer, and a TCP listener of another."""

    def __post_init__(self) -> None:
        super().__post_init__()
        again = [{"Type": "forward", "TargetGroupArn": self.group}]
        (made,) = self.api.elbv2.describe_load_balancers()["LoadBalancers"]
        second = self.api.elbv2.create_listener(
            LoadBalancerArn=made["LoadBalancerArn"],
            Protocol="HTTP",
            Port=8081,
            DefaultActions=[
                {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
            ],
        )["Listeners"][0]["ListenerArn"]
        rule = self.api.elbv2.create_rule(
            ListenerArn=second,
            Priority=10,
            Conditions=[{"Field": "host-header", "Values": ["shop.example.com"]}],
            Actions=again,
        )["Rules"][0]["RuleArn"]
        self.routes = (self.listener, rule, self._network(made["AvailabilityZones"]))
        self.order = JoinOrder(DEPLOY, (self.new,), {t.ID: str(DEPLOY), t.LEDGER: LEDGER})

    def _network(self, zones: list[dict[str, Any]]) -> str:
        """The TCP listener: its group preserves no client address, and speaks proxy protocol."""
        elb = self.api.elbv2
        made = elb.create_target_group(
            Name="by-hand-tcp",
            Protocol="TCP",
            Port=8080,
            VpcId=self.vpc,
            HealthCheckProtocol="HTTP",
            HealthCheckPath="/healthz",
            Tags=pairs(ADOPTED),
        )
        self.tcp = str(made["TargetGroups"][0]["TargetGroupArn"])
        given = [{"Key": key, "Value": value} for key, value in NETWORK.items()]
        elb.modify_target_group_attributes(TargetGroupArn=self.tcp, Attributes=given)
        elb.register_targets(TargetGroupArn=self.tcp, Targets=[{"Id": self.live}])
        balancer = elb.create_load_balancer(
            Name="shop-tcp", Type="network", Subnets=[one["SubnetId"] for one in zones]
        )["LoadBalancers"][0]
        listener = elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="TCP",
            Port=5432,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.tcp}],
        )["Listeners"][0]
        return str(listener["ListenerArn"])

    @property
    def traffic(self) -> TargetGroupTraffic:
        """The service's traffic, through all of them."""
        return TargetGroupTraffic(self.api.aws, "shop", self.routes, HASTE)

    @property
    def found(self) -> tuple[TrafficRoute, ...]:
        """The routes as they are read now."""
        reading = self.traffic.read().resolved("shop", lambda ledger: ledger == LEDGER)
        return reading.routes

    @property
    def groups(self) -> set[str]:
        """The names of all target groups."""
        listed = self.api.elbv2.describe_target_groups()["TargetGroups"]
        return {one["TargetGroupName"] for one in listed}


@pytest.fixture
def doors(api: Api) -> Doors:
    """Live's groups were made by hand and adopted."""
    return Doors(api)


def test_each_route_gets_a_group_like_live_s(doors: Doors) -> None:
    """Born with its own route, of the balancer's protocol; live goes on on each of them."""
    joined = doors.traffic.join(doors.order)
    assert len(set(joined)) == 3
    for route, group in zip(doors.found, joined, strict=True):
        assert [share.weight for share in route.shares] == [1, 0]
        assert doors.tags(group)[t.LISTENER] == route.arn
        assert route.leads_to(LIVE)
    assert doors.traffic.join(doors.order) == joined


def test_the_attributes_of_a_network_load_balancer_are_copied(doors: Doors) -> None:
    """Client addresses, proxy protocol and what ends open connections, and the health check."""
    group = doors.traffic.join(doors.order)[2]
    elb = doors.api.elbv2
    (copy,) = elb.describe_target_groups(Names=[group.split("/")[1]])["TargetGroups"]
    assert (copy["Protocol"], copy["HealthCheckProtocol"]) == ("TCP", "HTTP")
    shown = elb.describe_target_group_attributes(TargetGroupArn=copy["TargetGroupArn"])
    found = {one["Key"]: one["Value"] for one in shown["Attributes"]}
    assert NETWORK.items() <= found.items()


def test_health_is_asked_on_each(doors: Doors) -> None:
    """One line for each route until the balancer of each calls the machine healthy."""
    doors.traffic.join(doors.order)
    assert len(doors.traffic.waiting(doors.order)) == 3
    doors.traffic.register(doors.order)
    doors.api.balancers.healthy = False
    assert len(doors.traffic.waiting(doors.order)) == 3
    doors.api.balancers.healthy = True
    assert doors.traffic.waiting(doors.order) == ()


def test_they_switch_one_by_one(doors: Doors) -> None:
    """A rule by ModifyRule, a listener by ModifyListener, each without a word to the others."""
    joined = doors.traffic.join(doors.order)
    for number, (route, group) in enumerate(zip(doors.routes, joined, strict=True)):
        assert [one.leads_to(LIVE) for one in doors.found[number:]] == [True] * (3 - number)
        doors.traffic.switch(route, group, doors.found[number].holders)
        assert doors.found[number].leads_to(DEPLOY)


def test_a_group_serves_one_balancer(doors: Doors) -> None:
    """AWS refuses a group of another load balancer: so each route has a group of its own."""
    joined = doors.traffic.join(doors.order)
    with pytest.raises(CloudError):
        doors.traffic.switch(doors.routes[2], joined[0], doors.found[2].holders)
    assert balancer_of(doors.routes[0]) == balancer_of(doors.routes[1])
    assert balancer_of(doors.routes[1]) != balancer_of(doors.routes[2])


def test_a_foreign_group_on_one_route_refuses_all_before_anything_is_made(doors: Doors) -> None:
    """The action of the last route names one with weight 0: no route gets a group."""
    hers = doors.api.elbv2.create_target_group(
        Name="hers", Protocol="TCP", Port=8080, VpcId=doors.vpc
    )["TargetGroups"][0]["TargetGroupArn"]
    groups = [
        {"TargetGroupArn": doors.tcp, "Weight": 1},
        {"TargetGroupArn": hers, "Weight": 0},
    ]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
    doors.api.elbv2.modify_listener(ListenerArn=doors.routes[2], DefaultActions=[action])
    with pytest.raises(Refused, match=r"hers/.* is not a group of shop"):
        doors.traffic.join(doors.order)
    assert doors.groups == {BY_HAND, "by-hand-tcp", "hers"}


def test_a_default_rule_is_named_by_its_listener(doors: Doors) -> None:
    """Its ARN looks like a rule's, and only ModifyListener changes it."""
    rules = doors.api.elbv2.describe_rules(ListenerArn=doors.listener)["Rules"]
    default = next(one["RuleArn"] for one in rules if one["IsDefault"])
    with pytest.raises(CloudError, match="only its listener changes"):
        TargetGroupTraffic(doors.api.aws, "shop", (default,), HASTE).read()
