"""Hourly cost of resources, by fetched prices or a small dated table; unknown is None, never 0.

On-demand, Linux, US dollars. The table is as of November 2025, copied by hand from AWS's price
pages and not checked against its Pricing API; fetched prices have precedence. A month is 30 days,
720 h. Discounts, data transfer and extra IOPS are in no list, so every figure is an estimate, good
enough to decide what to fix first. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce

from reconciler.cost.price_list import Prices
from reconciler.model import resource as kinds
from reconciler.model.resource import Resource

AS_OF = "2025-11"
MONTH = 720
"""Hours."""

PUBLIC_IPV4 = 0.005
"""$/h of each public IPv4 address, in use or idle, in every region (aws.md §5)."""

_REGIONS = ("us-east-1", "eu-west-1")
"""Each price below is for these regions, in this order."""

_Table = Mapping[str, tuple[float, ...]]

_INSTANCES: _Table = {
    "t2.micro": (0.0116, 0.0126),
    "t2.small": (0.023, 0.025),
    "t3.nano": (0.0052, 0.0057),
    "t3.micro": (0.0104, 0.0114),
    "t3.small": (0.0208, 0.0228),
    "t3.medium": (0.0416, 0.0456),
    "t3.large": (0.0832, 0.0912),
    "t3.xlarge": (0.1664, 0.1824),
    "t4g.nano": (0.0042, 0.0046),
    "t4g.micro": (0.0084, 0.0092),
    "t4g.small": (0.0168, 0.0184),
    "t4g.medium": (0.0336, 0.0368),
    "t4g.large": (0.0672, 0.0736),
    "m5.large": (0.096, 0.107),
    "m6i.large": (0.096, 0.107),
    "c5.large": (0.085, 0.096),
    "r5.large": (0.126, 0.141),
}
"""$/h while running, by type."""

_STORAGE: _Table = {
    "gp2": (0.10, 0.11),
    "gp3": (0.08, 0.088),
    "standard": (0.05, 0.055),
    "snapshot": (0.05, 0.05),
}
"""$ per GB and month, by type; a snapshot's is for all its data, an upper bound."""

_RDS: _Table = {
    "db.t3.micro": (0.018,),
    "db.t3.small": (0.036,),
    "db.t3.medium": (0.072,),
    "db.t4g.micro": (0.016,),
    "db.t4g.small": (0.032,),
    "db.t4g.medium": (0.065,),
}
"""$/h of running PostgreSQL in one zone of the first region; the rest is unknown here."""

_RDS_STORAGE: _Table = {"disk": (0.115, 0.127), "snapshot": (0.095, 0.095)}
"""$ per GB and month of general purpose storage, and of a snapshot, again an upper bound."""


def as_of(prices: Prices) -> str:
    """The date of the prices: `2025-11`, or `2026-11-23, else 2025-11` with fetched ones."""
    return f"{prices.as_of}, else {AS_OF}" if prices.as_of else AS_OF


def _dollars(prices: Prices, table: _Table, region: str, name: str) -> float | None:
    fetched = prices.of(region, name)
    return _listed(table, region, name) if fetched is None else fetched


def _listed(table: _Table, region: str, name: str) -> float | None:
    return dict(zip(_REGIONS, table.get(name, ()), strict=False)).get(region)


_FREE = frozenset(
    {
        kinds.IMAGE,
        kinds.DATABASE,
        kinds.KEY_PAIR,
        kinds.GROUP,
        kinds.TARGET_GROUP,
        kinds.TEMPLATE,
    }
)
"""An image is billed as its snapshots; a database on a shared server, a target group not at all."""

_NOT_BILLED = frozenset(
    {"pending", "stopping", "stopped", "shutting-down", "terminated", "deleted", "deregistered"}
)
"""States in which an instance is not billed; its volumes and addresses still are (aws.md §5)."""


@dataclass(frozen=True)
class Sum:
    """Dollars per hour and so far. It is a lower bound: `unknown` resources have no known price.

    `ageless` resources have an unknown cost so far.
    """

    hourly: float = 0.0
    so_far: float = 0.0
    resources: int = 0
    unknown: int = 0
    ageless: int = 0

    @property
    def is_unknown(self) -> bool:
        """Whether no price is known."""
        return bool(self.resources) and self.unknown == self.resources

    @property
    def is_ageless(self) -> bool:
        """Whether no cost so far is known."""
        return bool(self.resources) and self.ageless == self.resources

    def plus(self, other: Sum) -> Sum:
        """The sum of both."""
        return Sum(
            self.hourly + other.hourly,
            self.so_far + other.so_far,
            self.resources + other.resources,
            self.unknown + other.unknown,
            self.ageless + other.ageless,
        )


def hourly(resource: Resource, prices: Prices) -> float | None:
    """$/h of a resource in its current state; None if its price is unknown here."""
    if resource.kind == kinds.INSTANCE:
        return _instance(resource, prices)
    if resource.kind in (kinds.INTERFACE, kinds.ADDRESS):
        return resource.public_ips * PUBLIC_IPV4
    if resource.kind in _FREE:
        return 0.0
    if resource.kind == kinds.RDS_INSTANCE:
        return _database_server(resource, prices)
    if resource.kind == kinds.VOLUME:
        return _storage(resource, resource.type, prices)
    if resource.kind in (kinds.SNAPSHOT, kinds.RDS_SNAPSHOT):
        return _storage(resource, "snapshot", prices)
    return None


def price(resource: Resource, prices: Prices) -> str:
    """The price as text: `$0.0278/h`, `≤ $0.0006/h`, `unknown`; '' if it is not billed."""
    dollars = hourly(resource, prices)
    if dollars is None:
        return "unknown"
    if not dollars:
        return ""
    return f"{'≤ ' if is_bound(resource) else ''}${dollars:.4f}/h"


def is_bound(resource: Resource) -> bool:
    """Whether the price is only an upper bound: snapshots share unchanged blocks."""
    return resource.kind in (kinds.SNAPSHOT, kinds.RDS_SNAPSHOT)


def so_far(resource: Resource, now: datetime | None, prices: Prices) -> float | None:
    """$ since birth at the current price. Age comes from the deploy-id, never from LaunchTime.

    None if the price, the birth or the time is unknown.
    """
    price = hourly(resource, prices)
    if price is None or resource.deploy is None or now is None:
        return None
    return price * (max(now - resource.deploy.born, timedelta(0)) / timedelta(hours=1))


def of(resource: Resource, now: datetime | None, prices: Prices) -> Sum:
    """One resource as a sum; if the time is unknown, without its cost so far."""
    price, spent = hourly(resource, prices), so_far(resource, now, prices)
    return Sum(price or 0.0, spent or 0.0, 1, int(price is None), int(spent is None))


def add(sums: Iterable[Sum]) -> Sum:
    """The sum of sums."""
    return reduce(Sum.plus, sums, Sum())


def as_shown(sums: Iterable[Sum]) -> Sum:
    """The sum of the figures as shown, so that the columns of a table add up."""
    return add(
        replace(cost, hourly=round(cost.hourly, 4), so_far=round(cost.so_far, 2)) for cost in sums
    )


def _instance(resource: Resource, prices: Prices) -> float | None:
    addresses = resource.public_ips * PUBLIC_IPV4
    if resource.state in _NOT_BILLED:
        return addresses
    price = _dollars(prices, _INSTANCES, resource.place.region, resource.type)
    return None if price is None else price + addresses


def _database_server(resource: Resource, prices: Prices) -> float | None:
    """A stopped instance pays only for its storage (AWS restarts it after seven days)."""
    disk = _storage(resource, "disk", prices)
    if resource.state == "stopped" or disk is None:
        return disk
    price = _dollars(prices, _RDS, resource.place.region, resource.type)
    return None if price is None else price + disk + resource.public_ips * PUBLIC_IPV4


def _storage(resource: Resource, kind: str, prices: Prices) -> float | None:
    region = resource.place.region
    if resource.kind in kinds.RDS:  # never fetched: names are ambiguous there
        price = _listed(_RDS_STORAGE, region, kind)
    else:
        price = _dollars(prices, _STORAGE, region, kind)
    return None if price is None or not resource.size_gb else price * resource.size_gb / MONTH
