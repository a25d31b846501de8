"""What `deployer init` finds out by itself: account, region, and the machine of a record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.aws.client.query import Reads
from reconciler.aws.client.session import Aws, ambient
from reconciler.aws.route53.ledger_store import Route53Ledgers
from reconciler.errors import ConfigError
from reconciler.model.tags import AccountRegion

_REGION = re.compile(r"\b[a-z]{2}(?:-[a-z]+)+-\d\b")
"""In the DNS name of a load balancer: `shop-1.eu-west-1.elb.…`, `shop-1.elb.eu-west-1.…`."""


@dataclass(frozen=True)
class RecordHome:
    """Where a record leads. `machine` describes the machine or load balancer there; '' if none."""

    account: str
    region: str
    machine: str = ""


def discover(record: str, account: str = "", region: str = "") -> RecordHome:
    """The given values, and those that are missing. Raises ConfigError, AccessDenied, CloudError.

    The region is that of the machine which has an address of the record, or that of the load
    balancer whose alias the record is; else the given one.
    """
    mine, default = ambient(region)
    account = account or mine
    aws = Aws(AccountRegion(account, default))
    ledgers = Route53Ledgers(aws)
    where = ledgers.locate("init", record)
    addresses, alias = ledgers.plain_addresses(where), ledgers.alias_of(where)
    if named := _REGION.search(alias):
        return RecordHome(account, region or named[0], f"the load balancer {alias}")
    for place in (region,) if region else _nearest_first(aws):
        found = next(_machines(aws.in_region(place), addresses), "")
        if found:
            return RecordHome(account, place, found)
    if region:
        return RecordHome(account, region)
    said = f"leads to {', '.join(addresses)}" if addresses else "has no A record"
    raise ConfigError(
        f"{record} {said}, and no machine of account {account} has such an address: the region of "
        "its machines is not known",
        cure=f"say --region, for instance {default}",
    )


def _nearest_first(aws: Aws) -> Iterator[str]:
    """The region of these credentials, then every other one that is enabled."""
    yield aws.place.region
    yield from (one for one in aws.enabled_regions() if one != aws.place.region)


def _machines(aws: Aws, addresses: tuple[str, ...]) -> Iterator[str]:
    """The machines of a region that have one of these addresses, public or private."""
    for name in ("ip-address", "private-ip-address") if addresses else ():
        for page in Reads(aws).by_filter("describe_instances", name, addresses):
            for reservation in page["Reservations"]:
                for one in reservation["Instances"]:
                    yield f"{one['InstanceId']} ({one['InstanceType']})"
