"""Whether an EC2 id names an existing resource: tags of deleted ones must not be listed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deployer.sandbox.aws.api.tag_types import resource_type
from deployer.sandbox.aws.state.cloud import Region


def exists(region: Region, resource_id: str) -> bool:
    """Whether the resource exists; True for kinds that are not tracked."""
    check = _CHECKS.get(resource_type(resource_id))
    return check is None or check(region, resource_id)


def _in(attribute: str) -> Callable[[Region, str], bool]:
    return lambda region, one: one in getattr(region.backend, attribute)


def _group(region: Region, one: str) -> bool:
    return any(one in groups for groups in region.backend.groups.values())


def _key_pair(region: Region, one: str) -> bool:
    return any(key.id == one for key in region.backend.key_pairs.values())


def _template(region: Region, one: str) -> bool:
    return one in region.backend.launch_templates


def _address(region: Region, one: str) -> bool:
    return any(address.allocation_id == one for address in region.backend.addresses)


def _subnet(region: Region, one: str) -> bool:
    return any(one in subnets for subnets in region.backend.subnets.values())


_CHECKS: dict[str, Callable[[Region, str], Any]] = {
    "instance": lambda region, one: one in region.instances,
    "volume": _in("volumes"),
    "snapshot": _in("snapshots"),
    "image": _in("amis"),
    "network-interface": _in("enis"),
    "elastic-ip": _address,
    "security-group": _group,
    "key-pair": _key_pair,
    "launch-template": _template,
    "subnet": _subnet,
    "vpc": _in("vpcs"),
    "internet-gateway": _in("internet_gateways"),
    "route-table": _in("route_tables"),
}
