"""The resource type of an EC2 id, as DescribeTags names it."""

from __future__ import annotations

from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

# Types for which moto's name differs from AWS's.
_OURS = {
    "vpc-elastic-ip": "elastic-ip",
    "nat-gateway": "natgateway",
    "flow-logs": "vpc-flow-log",
    "dedicated_host": "dedicated-host",
    "managed-prefix-list": "prefix-list",
    "reserved-instance": "reserved-instances",
    "spot-instance-request": "spot-instances-request",
}


def resource_type(resource_id: str) -> str:
    """`instance`, `volume`, `network-interface`, `elastic-ip` …; empty when unknown."""
    found = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource_id) or "", "")
    return _OURS.get(found, found)
