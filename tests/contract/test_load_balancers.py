"""Load balancers and their ports. Sources: CreateLoadBalancer, CreateListener and their deletes."""

from __future__ import annotations

import pytest

from tests.contract.elb import FIXED, Elb, forwards
from tests.contract.helpers import refused


def test_an_application_load_balancer_has_two_zones(elb: Elb) -> None:
    """AWS: "You must specify subnets from at least two Availability Zones" (CreateLoadBalancer)."""
    with refused("ValidationError"):
        elb.balancer(Subnets=elb.subnet_ids(0))
    made = elb.balancer(Subnets=elb.subnet_ids(0, 1))
    zones = {one["ZoneName"] for one in made["AvailabilityZones"]}
    assert zones == {one["AvailabilityZone"] for one in elb.subnets[:2]}


def test_a_network_load_balancer_may_have_one(elb: Elb) -> None:
    """AWS: "From one or more Availability Zones" (CreateLoadBalancer)."""
    made = elb.balancer(Type="network", Subnets=elb.subnet_ids(0))
    assert made["Type"] == "network"
    assert f".elb.{made['LoadBalancerArn'].split(':')[3]}." in made["DNSName"]


def test_one_subnet_a_zone(elb: Elb) -> None:
    """AWS: "You can specify only one subnet per Availability Zone" (CreateLoadBalancer)."""
    one, two = elb.subnet_ids(0, 1)
    with refused("InvalidConfigurationRequest", "ValidationError"):
        elb.balancer(Subnets=[one, one, two])
    with refused("SubnetNotFound"):
        elb.balancer(Subnets=[one, "subnet-00000000000000000"])


@pytest.mark.parametrize("name", ["", "a" * 33, "a_b", "-a", "a-", "internal-a"])
def test_names_that_are_refused(elb: Elb, name: str) -> None:
    """1 to 32 letters, digits, hyphens; not `internal-` (CreateLoadBalancer, Name)."""
    with refused("ValidationError"):
        elb.balancer(name)


def test_the_same_request_again_returns_the_same_balancer(elb: Elb) -> None:
    """Idempotent; with other settings DuplicateLoadBalancerName (CreateLoadBalancer)."""
    first = elb.balancer()
    assert elb.balancer()["LoadBalancerArn"] == first["LoadBalancerArn"]
    with refused("DuplicateLoadBalancerName"):
        elb.balancer(Scheme="internet-facing")


def test_a_balancer_is_deleted_with_its_listeners(elb: Elb) -> None:
    """Its groups are free then; a second delete succeeds (DeleteLoadBalancer)."""
    group, balancer = elb.group(), elb.balancer()
    listener = elb.listener(balancer, forwards({group: 1}))
    for _ in range(2):
        elb.client.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    with refused("ListenerNotFound"):
        elb.client.describe_listeners(ListenerArns=[listener])
    with refused("LoadBalancerNotFound"):
        elb.client.describe_load_balancers(LoadBalancerArns=[balancer["LoadBalancerArn"]])
    elb.client.delete_target_group(TargetGroupArn=group)


def test_a_protected_balancer_is_not_deleted(elb: Elb) -> None:
    """OperationNotPermitted under deletion protection (DeleteLoadBalancer)."""
    arn = elb.balancer()["LoadBalancerArn"]
    for protected in ("true", "false"):
        elb.client.modify_load_balancer_attributes(
            LoadBalancerArn=arn,
            Attributes=[{"Key": "deletion_protection.enabled", "Value": protected}],
        )
        if protected == "true":
            with refused("OperationNotPermitted"):
                elb.client.delete_load_balancer(LoadBalancerArn=arn)
    elb.client.delete_load_balancer(LoadBalancerArn=arn)


def test_a_port_has_one_listener(elb: Elb) -> None:
    """DuplicateListener, for a new one and for one that is moved there (ModifyListener)."""
    balancer = elb.balancer()
    elb.listener(balancer, FIXED)
    second = elb.listener(balancer, FIXED, port=9090)
    with refused("DuplicateListener"):
        elb.listener(balancer, FIXED)
    with refused("DuplicateListener"):
        elb.client.modify_listener(ListenerArn=second, Port=8080)


def test_one_listener_too_many_fails_the_whole_list(elb: Elb) -> None:
    """ListenerNotFound (DescribeListeners): what could not be read is no shorter list."""
    listener = elb.listener(elb.balancer(), FIXED)
    with refused("ListenerNotFound"):
        elb.client.describe_listeners(ListenerArns=[listener, listener[:-4] + "0000"])
    with refused("ListenerNotFound"):
        elb.client.modify_listener(ListenerArn=listener[:-4] + "0000", DefaultActions=[FIXED])


def test_one_balancer_too_many_fails_the_whole_list(elb: Elb) -> None:
    """LoadBalancerNotFound (DescribeLoadBalancers)."""
    elb.balancer("known")
    with refused("LoadBalancerNotFound"):
        elb.client.describe_load_balancers(Names=["known", "unknown"])
