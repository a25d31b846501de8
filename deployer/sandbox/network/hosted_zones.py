"""The hosted zones of the API in this process, in the name server's form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.route53.models import route53_backends

from deployer.sandbox.aws.route53.change_batch import RecordSet
from deployer.sandbox.aws.route53.zones import read_zone
from deployer.sandbox.aws.state import cloud as clouds
from deployer.sandbox.balancer.routing import addresses
from deployer.sandbox.control.environment import ACCOUNT
from deployer.sandbox.network.name_server import Record, Zone

ALIAS_TTL = 60
"""Of an alias to a load balancer (Route 53 guide, "Choosing between alias and non-alias")."""


def current_zones() -> Iterable[Zone]:
    """Every zone of the account; an alias to a load balancer as the addresses of its nodes."""
    zones: dict[str, Any] = route53_backends[ACCOUNT]["aws"].zones
    for zone in list(zones.values()):
        # One read of a list that changes only by assignment: never a partial batch.
        records = read_zone(zone).values()
        found = (Record(r.name, r.type, *_answers(r)) for r in records)
        yield Zone(zone.name.rstrip(".") + ".", tuple(one for one in found if one.values))


def _answers(record: RecordSet) -> tuple[int, tuple[str, ...]]:
    """TTL and values; an alias to anything else than a load balancer has none."""
    target = dict(dict(record.rest).get("AliasTarget", ()))
    if not target:
        return record.ttl or 0, record.values
    cloud = clouds.current()
    name = str(target["DNSName"])
    found = addresses(cloud.balancer_plan, name, lambda one: cloud.target_health(one.key))
    return ALIAS_TTL, found
