"""Targets: registration, health, draining. Sources: RegisterTargets, TargetHealth; ALB guide."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from mypy_boto3_ec2 import EC2Client

from deployer.sandbox.aws import AwsServer
from tests.contract.conftest import OPTIONS, World
from tests.contract.elb import FIXED, Elb, forwards
from tests.contract.helpers import Launch, describe, eventually, refused, wait_for_state
from tests.support.web_targets import WebTarget

SECOND = OPTIONS.balancer_second
REGISTERED_NOWHERE = ("unused", "Target.NotRegistered")
NOT_IN_USE = ("unused", "Target.NotInUse")
DRAINING = ("draining", "Target.DeregistrationInProgress")
HEALTHY = ("healthy", "")


@pytest.fixture
def machine(ec2: EC2Client, launch: Launch, elb: Elb) -> str:
    """A running instance in the first zone; nothing listens there."""
    (made,) = launch(1, SubnetId=elb.subnet_ids(0)[0])
    wait_for_state(ec2, made, "running")
    return made


@pytest.fixture
def serve(ec2: EC2Client, server: AwsServer) -> Iterator[Callable[[str], WebTarget]]:
    """Start a web server at an instance's address."""
    del server  # only our own server's machines are on this computer
    started: list[WebTarget] = []

    def start(machine: str) -> WebTarget:
        started.append(WebTarget(describe(ec2, machine)["PrivateIpAddress"], 8080, machine))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def test_a_group_without_a_listener_is_not_checked(elb: Elb, machine: str) -> None:
    """`unused`, Target.NotInUse: "not used by any load balancer" (TargetHealth)."""
    group = elb.group()
    elb.register(group, machine)
    assert elb.health(group) == {machine: NOT_IN_USE}


def test_a_group_of_weight_0_is_checked(
    elb: Elb, machine: str, serve: Callable[[str], WebTarget]
) -> None:
    """A forward action names it: its targets become healthy before they get any request."""
    serve(machine)
    group, other = elb.fast_group("new"), elb.fast_group("old")
    elb.register(group, machine)
    elb.listener(elb.balancer(), forwards({group: 0, other: 1}))
    assert elb.health(group)[machine][0] == "initial"
    eventually(lambda: elb.health(group) == {machine: HEALTHY})


def test_what_is_not_registered_is_unused(elb: Elb, machine: str) -> None:
    """Target.NotRegistered, and not in the list of all targets (TargetHealth)."""
    group = elb.group()
    assert elb.health(group) == {}
    assert elb.health(group, machine) == {machine: REGISTERED_NOWHERE}


def test_the_first_checks_take_their_time(
    elb: Elb, machine: str, serve: Callable[[str], WebTarget]
) -> None:
    """`initial`, Elb.InitialHealthChecking, until the first check has passed (ALB guide)."""
    serve(machine)
    group = elb.fast_group(HealthCheckIntervalSeconds=50)
    elb.register(group, machine)
    elb.listener(elb.balancer(), forwards({group: 1}))
    assert elb.health(group) == {machine: ("initial", "Elb.InitialHealthChecking")}
    eventually(lambda: elb.health(group) == {machine: HEALTHY})


def test_a_target_that_refuses_is_unhealthy(elb: Elb, machine: str, server: AwsServer) -> None:
    """Target.FailedHealthChecks, after UnhealthyThresholdCount checks (TargetHealth)."""
    del server
    group = elb.fast_group()
    elb.register(group, machine)
    elb.listener(elb.balancer(), forwards({group: 1}))
    eventually(lambda: elb.health(group) == {machine: ("unhealthy", "Target.FailedHealthChecks")})


def test_a_wrong_code_is_unhealthy(
    elb: Elb, machine: str, serve: Callable[[str], WebTarget]
) -> None:
    """Target.ResponseCodeMismatch, and healthy again by the Matcher (TargetHealth; Matcher)."""
    serve(machine).status = 301
    group = elb.fast_group(Matcher={"HttpCode": "200-299"})
    elb.register(group, machine)
    elb.listener(elb.balancer(), forwards({group: 1}))
    eventually(lambda: elb.health(group) == {machine: ("unhealthy", "Target.ResponseCodeMismatch")})
    elb.client.modify_target_group(TargetGroupArn=group, Matcher={"HttpCode": "200,301"})
    eventually(lambda: elb.health(group) == {machine: HEALTHY})


def test_a_target_that_does_not_answer_is_unhealthy(
    elb: Elb, machine: str, serve: Callable[[str], WebTarget]
) -> None:
    """Target.Timeout (TargetHealth)."""
    serve(machine).hold()
    group = elb.fast_group()
    elb.register(group, machine)
    elb.listener(elb.balancer(), forwards({group: 1}))
    eventually(lambda: elb.health(group) == {machine: ("unhealthy", "Target.Timeout")})


def test_a_deregistered_target_drains(
    elb: Elb, machine: str, serve: Callable[[str], WebTarget]
) -> None:
    """`draining` until the delay has passed, with no request in flight too (ALB guide).

    "The status of the target is displayed as draining until the deregistration delay expires."
    """
    serve(machine)
    group = elb.fast_group()
    elb.set_attribute(group, "deregistration_delay.timeout_seconds", "40")
    elb.register(group, machine)
    elb.listener(elb.balancer(), forwards({group: 1}))
    eventually(lambda: elb.health(group) == {machine: HEALTHY})
    before = time.monotonic()
    elb.deregister(group, machine)
    assert elb.health(group) == {machine: DRAINING}
    eventually(lambda: elb.health(group) == {})
    assert time.monotonic() - before >= 40 * SECOND
    assert elb.health(group, machine) == {machine: REGISTERED_NOWHERE}


def test_a_draining_target_can_be_registered_again(
    elb: Elb, machine: str, serve: Callable[[str], WebTarget]
) -> None:
    """It begins anew: a late copy of a RegisterTargets undoes a deregistration."""
    serve(machine)
    group = elb.fast_group()
    elb.register(group, machine)
    elb.listener(elb.balancer(), forwards({group: 1}))
    eventually(lambda: elb.health(group) == {machine: HEALTHY})
    elb.deregister(group, machine)
    elb.register(group, machine)
    assert elb.health(group)[machine][0] == "initial"
    eventually(lambda: elb.health(group) == {machine: HEALTHY})


def test_a_group_that_is_detached_is_unused_again(
    elb: Elb, machine: str, serve: Callable[[str], WebTarget]
) -> None:
    """Target.NotInUse as soon as no action names it (TargetHealth)."""
    serve(machine)
    group = elb.fast_group()
    elb.register(group, machine)
    listener = elb.listener(elb.balancer(), forwards({group: 1}))
    eventually(lambda: elb.health(group) == {machine: HEALTHY})
    elb.client.modify_listener(ListenerArn=listener, DefaultActions=[FIXED])
    assert elb.health(group) == {machine: NOT_IN_USE}


def test_deregistering_what_is_not_registered_succeeds(elb: Elb, machine: str) -> None:
    """AWS: "If the specified target does not exist, the action returns successfully"."""
    group = elb.group()
    elb.deregister(group, machine)
    elb.register(group, machine)
    for _ in range(2):
        elb.deregister(group, machine)
    assert elb.health(group) == {}


def test_an_instance_on_several_ports(elb: Elb, machine: str) -> None:
    """One registration a port; the port is needed to deregister it (DeregisterTargets, Targets)."""
    group = elb.group()
    elb.register(group, machine)
    elb.register(group, machine, Port=9090)
    answer = elb.client.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert {one["Target"]["Port"] for one in answer} == {8080, 9090}
    elb.deregister(group, machine)
    answer = elb.client.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert {one["Target"]["Port"] for one in answer} == {9090}


def test_only_a_running_instance_is_registered(
    elb: Elb, ec2: EC2Client, machine: str, launch: Launch
) -> None:
    """InvalidTarget: "it must be in the running state" (RegisterTargets); all or none."""
    group = elb.group()
    (other,) = launch(1)
    wait_for_state(ec2, other, "running")
    ec2.stop_instances(InstanceIds=[machine])
    wait_for_state(ec2, machine, "stopped")
    with refused("InvalidTarget"):
        elb.register(group, other, machine)
    with refused("InvalidTarget"):
        elb.register(group, "i-00000000000000000")
    assert elb.health(group) == {}


@pytest.mark.parametrize("act", ["stop", "terminate"])
def test_a_machine_that_stops_is_unused(elb: Elb, ec2: EC2Client, machine: str, act: str) -> None:
    """Target.InvalidState: "in the stopped or terminated state" (TargetHealth)."""
    group = elb.group()
    elb.register(group, machine)
    elb.listener(elb.balancer(), forwards({group: 1}))
    if act == "stop":
        ec2.stop_instances(InstanceIds=[machine])
        wait_for_state(ec2, machine, "stopped")
    else:
        ec2.terminate_instances(InstanceIds=[machine])
        wait_for_state(ec2, machine, "terminated")
    assert elb.health(group, machine)[machine] == ("unused", "Target.InvalidState")


def test_a_zone_that_the_balancer_does_not_serve(elb: Elb, ec2: EC2Client, launch: Launch) -> None:
    """Target.NotInUse: "in an Availability Zone that is not enabled" (TargetHealth)."""
    (machine,) = launch(1, SubnetId=elb.subnet_ids(2)[0])
    wait_for_state(ec2, machine, "running")
    group = elb.group()
    elb.register(group, machine)
    elb.listener(elb.balancer(Subnets=elb.subnet_ids(0, 1)), forwards({group: 1}))
    assert elb.health(group) == {machine: NOT_IN_USE}


def test_a_target_of_another_network(world: World, elb: Elb, ec2: EC2Client, machine: str) -> None:
    """InvalidTarget: targets are in the group's VPC (RegisterTargets)."""
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    world.on_exit(lambda: ec2.delete_vpc(VpcId=vpc))
    group = elb.group(VpcId=vpc)
    with refused("InvalidTarget"):
        elb.register(group, machine)
    with refused("InvalidConfigurationRequest"):
        elb.listener(elb.balancer(), forwards({group: 1}))


def test_a_target_by_its_address(
    elb: Elb, ec2: EC2Client, machine: str, serve: Callable[[str], WebTarget]
) -> None:
    """Groups of type `ip` take addresses of the VPC's subnets, and no instances (TargetType)."""
    address = describe(ec2, machine)["PrivateIpAddress"]
    serve(machine)
    group = elb.fast_group(TargetType="ip")
    elb.register(group, address)
    elb.listener(elb.balancer(), forwards({group: 1}))
    eventually(lambda: elb.health(group) == {address: HEALTHY})
    for wrong in (machine, "198.51.100.7"):
        with refused("InvalidTarget"):
            elb.register(group, wrong)
