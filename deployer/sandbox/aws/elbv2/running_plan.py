"""What the balancers have to do, read from the API's state, and handed to them."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto.elbv2.models import elbv2_backends

from deployer.sandbox.aws.elbv2.associations import named_groups
from deployer.sandbox.aws.elbv2.forwarding import groups_of
from deployer.sandbox.aws.elbv2.rules import in_order, patterns
from deployer.sandbox.aws.launch.placement import free_address
from deployer.sandbox.aws.state.cloud import AwsState, Registration
from deployer.sandbox.balancer.plan import (
    HTTP,
    Balancer,
    HealthCheck,
    Listener,
    Node,
    Plan,
    Reply,
    Rule,
    Target,
    TargetGroup,
)


@dataclass(frozen=True)
class TargetPlace:
    """Where a target is: its address, zone and network, and the state of its instance."""

    address: str
    zone: str
    vpc: str
    state: str = "running"


def follow(cloud: AwsState) -> None:
    """Bring the balancers that run in line with the state; costs nothing without any."""
    backends = [one for regions in elbv2_backends.values() for one in regions.values()]
    if cloud.balancer_plan.balancers or any(one.load_balancers for one in backends):
        cloud.run_balancers(_plan(cloud, backends))


def _plan(cloud: AwsState, backends: list[Any]) -> Plan:
    balancers: list[Balancer] = []
    groups: dict[str, TargetGroup] = {}
    for backend in backends:
        for one in backend.load_balancers.values():
            nodes = _nodes(cloud, backend, one)
            balancers.append(Balancer(one.arn, one.dns_name, nodes, _listeners(one)))
            for arn in sorted(named_groups(one)):
                groups[arn] = _group(cloud, backend, one, backend.target_groups[arn])
    return Plan(tuple(balancers), groups)


def _nodes(cloud: AwsState, backend: Any, balancer: Any) -> tuple[Node, ...]:
    return tuple(
        Node(_node_address(cloud, backend, balancer, subnet), subnet.availability_zone)
        for subnet in balancer.subnets
    )


def _node_address(cloud: AwsState, backend: Any, balancer: Any, subnet: Any) -> str:
    """The address of the node in a subnet: taken once, of the subnet or of the public pool."""
    key = (balancer.arn, subnet.id)
    if key not in cloud.balancer_nodes:
        if balancer.scheme == "internal":
            region = cloud.region(backend.ec2_backend)
            cloud.balancer_nodes[key] = free_address(cloud, region, subnet)
            cloud.addresses.add(cloud.balancer_nodes[key])
        else:
            cloud.balancer_nodes[key] = cloud.public.take()
    return cloud.balancer_nodes[key]


def release_nodes(cloud: AwsState, arn: str) -> None:
    """Return the addresses of a deleted balancer."""
    for key in [key for key in cloud.balancer_nodes if key[0] == arn]:
        cloud.addresses.discard(cloud.balancer_nodes.pop(key))


def _listeners(balancer: Any) -> tuple[Listener, ...]:
    idle = float(balancer.attrs.get("idle_timeout.timeout_seconds", 60))
    return tuple(
        Listener(one.arn, one.protocol, int(one.port), tuple(map(_rule, in_order(one))), idle)
        for one in balancer.listeners.values()
    )


def _rule(rule: Any) -> Rule:
    (action,) = (one.data for one in rule.actions)
    hosts = patterns(rule.conditions, "host-header")
    paths = patterns(rule.conditions, "path-pattern")
    if action["Type"] == "forward":
        return Rule(hosts, paths, tuple(groups_of([action]).items()))
    fixed = action["FixedResponseConfig"]
    kind = str(fixed.get("ContentType") or "text/plain")
    reply = Reply(int(fixed["StatusCode"]), str(fixed.get("MessageBody") or ""), kind)
    return Rule(hosts, paths, reply=reply)


def _group(cloud: AwsState, backend: Any, balancer: Any, group: Any) -> TargetGroup:
    own = str(group.attributes["load_balancing.cross_zone.enabled"])
    inherited = str(balancer.attrs["load_balancing.cross_zone.enabled"])
    ends = str(group.attributes.get("deregistration_delay.connection_termination.enabled"))
    return TargetGroup(
        arn=group.arn,
        check=_check(group, cloud.options.balancer_second),
        targets=tuple(_targets(cloud, backend, balancer, group)),
        cross_zone=(own if own in ("true", "false") else inherited) == "true",
        ends_flows=group.protocol == HTTP or ends == "true",
    )


def _check(group: Any, second: float) -> HealthCheck:
    port = str(group.health_check_port)
    successes = int(group.healthy_threshold_count)
    return HealthCheck(
        protocol=group.health_check_protocol,
        port=0 if port == "traffic-port" else int(port),
        path=group.health_check_path or "/",
        interval=float(group.health_check_interval_seconds) * second,
        # A limit for answers, not a wait: a busy computer must not make targets unhealthy.
        timeout=float(group.health_check_timeout_seconds),
        successes=successes,
        failures=int(group.unhealthy_threshold_count),
        first=1 if group.protocol == HTTP else successes,
        codes=str(getattr(group, "matcher", {}).get("HttpCode", "200")),
    )


def _targets(cloud: AwsState, backend: Any, balancer: Any, group: Any) -> Iterator[Target]:
    """The targets that can receive traffic: in an enabled zone, their machines not stopped."""
    zones = {subnet.availability_zone for subnet in balancer.subnets}
    for one in registered(cloud, group.arn).values():
        place = locate(backend, one.id)
        if place and place.zone in zones and place.state not in ("stopped", "terminated"):
            yield Target(group.arn, one.id, one.port, place.address, place.zone, one.drains_until)


def registered(cloud: AwsState, arn: str) -> dict[tuple[str, int], Registration]:
    """The targets of a group; those whose deregistration delay has passed are gone."""
    now = time.monotonic()
    kept = {
        key: one
        for key, one in cloud.registrations[arn].items()
        if not one.drains_until or one.drains_until > now
    }
    cloud.registrations[arn] = kept
    return dict(kept)


def serving_balancer(backend: Any, arn: str) -> Any | None:
    """The balancer that a listener or rule ties the group to; None if no action names it."""
    balancers = backend.load_balancers.values()
    return next((one for one in balancers if arn in named_groups(one)), None)


def locate(backend: Any, target_id: str) -> TargetPlace | None:
    """Where an instance or an address is; None for what is unknown or outside every subnet."""
    ec2 = backend.ec2_backend
    if target_id.startswith("i-"):
        instance = ec2.get_instance_by_id(target_id)
        if instance is None:
            return None
        subnet = ec2.get_subnet(instance.subnet_id)
        address = instance.private_ip or ""
        return TargetPlace(address, subnet.availability_zone, subnet.vpc_id, instance.state)
    try:
        address = ipaddress.ip_address(target_id)
    except ValueError:
        return None
    for subnets in ec2.subnets.values():
        for subnet in subnets.values():
            if address in ipaddress.ip_network(subnet.cidr_block):
                return TargetPlace(target_id, subnet.availability_zone, subnet.vpc_id)
    return None
