"""Refuses live machines that something else replaces, and a fixed address that would stay behind.

An Auto Scaling group replaces a machine that it misses, and ends one that it counts too many. An
Elastic IP stays on the machine that has it: the record would get a throw-away address instead,
unless traffic is of the kind that moves it.
"""

from __future__ import annotations

from collections.abc import Mapping

from deployer.ports import Ports
from reconciler.errors import Refused
from reconciler.gc.verdict import Role
from reconciler.model.resource import INSTANCE
from reconciler.plan.service_plan import ServicePlan

GROUP_TAG = "aws:autoscaling:groupName"
"""Written by Auto Scaling alone: nobody else may give a tag that begins with `aws:`."""


def refuse_group_member(machine: str, tags: Mapping[str, str], again: str) -> None:
    """Raise Refused if the machine is a member of an Auto Scaling group."""
    group = tags.get(GROUP_TAG)
    if group is None:
        return
    raise Refused(
        f"{machine} is a member of the Auto Scaling group {group}, which replaces or terminates "
        "machines on its own: a release would fight with it",
        cure=(
            "To take it out   aws autoscaling detach-instances --instance-ids "
            f"{machine} --auto-scaling-group-name {group} --should-decrement-desired-capacity\n"
            f"Then             {again}"
        ),
    )


def refuse_elastic_ip(ports: Ports, service_plan: ServicePlan) -> None:
    """Raise Refused if the record names an Elastic IP of live, which is to move instead."""
    public = {
        address
        for verdict in service_plan.verdicts
        if verdict.reason is Role.LIVE and verdict.resource.kind == INSTANCE
        for address in verdict.resource.public
    }
    at = sorted(public.intersection(service_plan.root.ledger.live_addresses))
    fixed = ports.compute.elastic_ips(at) if at else ()
    if not fixed:
        return
    name, record = ports.service.name, ports.service.record
    raise Refused(
        f"{record} names {', '.join(fixed)}, an Elastic IP of the live machine. A release would "
        "move the record to another address and leave that one behind: whoever allows only that "
        "address, such as a partner's firewall, would lose the service",
        cure=(
            f'To move that address with each release   write [traffic] kind = "elastic-ip" in '
            f"services/{name}.toml, then   deployer move {name}\n"
            f"If nobody relies on it                   point {record} to another address of the "
            f"live machine, then   deployer recover {name}"
        ),
    )
