"""Checks of the room that AWS has left for a release: addresses, and the account's quotas.

A release makes no rules, listeners, security groups or Elastic IPs: their quotas do not matter.
"""

from __future__ import annotations

from deployer.aws.trials import STANDARD_VCPUS
from deployer.commands.doctor.check import Skipped
from deployer.commands.doctor.cloud import shape_of, trials
from deployer.commands.doctor.readings import ServiceReadings
from reconciler.errors import AccessDenied, CloudError, Refused

_TARGET_GROUPS = "L-B22855CB"
"""The quota "Target Groups per Region"."""


def addresses(readings: ServiceReadings) -> str:
    """Whether a subnet has addresses for all new machines: they are launched into one."""
    wanted, count = shape_of(readings), readings.ports.service.instance.count
    cloud = trials(readings)
    left = {subnet: cloud.free_addresses(subnet) for subnet in wanted.subnets}
    if left and max(left.values()) < count:
        raise Refused(
            f"no subnet has {count} free addresses: "
            + ", ".join(f"{subnet} {free}" for subnet, free in left.items()),
            cure="name a larger one in instance.subnets",
        )
    return ", ".join(f"{free} free in {subnet}" for subnet, free in left.items()) or "not known"


def machines(readings: ServiceReadings) -> str:
    """Whether the account may run the new machines beside the old, where that may be asked."""
    wanted, count = shape_of(readings), readings.ports.service.instance.count
    try:
        room = trials(readings).vcpus()
        needed = trials(readings).vcpus_of(wanted.type) * count
    except (CloudError, AccessDenied) as error:
        raise Skipped(f"the quota cannot be read: {error.message}") from error
    if room.used + needed > room.limit:
        raise Refused(
            f"{room.used} of {room.limit} vCPUs run, and a release needs {needed} more: AWS would "
            "refuse the new machines",
            cure=_increase("ec2", STANDARD_VCPUS, room.limit * 2),
        )
    return f"{room.used} of {room.limit} vCPUs run, and a release needs {needed} more"


def target_groups(readings: ServiceReadings) -> str:
    """Whether a release may make its target groups: one for each that now gets requests."""
    found = readings.ports.managed.routes()
    routes = [one for one in found.routes if not one.address] if found else []
    needed = len({share.group for route in routes for share in route.serving})
    if not needed:
        raise Skipped("no load balancer leads to the service")
    try:
        room = trials(readings).target_groups()
    except (CloudError, AccessDenied) as error:
        raise Skipped(f"the limits of load balancers cannot be read: {error.message}") from error
    if room.used + needed > room.limit:
        raise Refused(
            f"{room.used} of {room.limit} target groups are there, and a release makes {needed}",
            cure=_increase("elasticloadbalancing", _TARGET_GROUPS, room.limit * 2),
        )
    return f"{room.used} of {room.limit} are there, and a release makes {needed} more"


def _increase(service: str, quota: str, wanted: int) -> str:
    return (
        f"aws service-quotas request-service-quota-increase --service-code {service} "
        f"--quota-code {quota} --desired-value {wanted}"
    )
