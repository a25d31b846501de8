"""The hosted zones of the API in this process, in the name server's form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.route53.models import route53_backends

from deployer.sandbox.aws.route53.zones import read_zone
from deployer.sandbox.control.environment import ACCOUNT
from deployer.sandbox.network.name_server import Record, Zone


def current_zones() -> Iterable[Zone]:
    """Every zone of the account, without alias records."""
    zones: dict[str, Any] = route53_backends[ACCOUNT]["aws"].zones
    for zone in list(zones.values()):
        # One read of a list that changes only by assignment: never a partial batch.
        records = read_zone(zone).values()
        plain = (Record(r.name, r.type, r.ttl or 0, r.values) for r in records if r.values)
        yield Zone(zone.name.rstrip(".") + ".", tuple(plain))
