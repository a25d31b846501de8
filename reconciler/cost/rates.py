"""What a resource costs a month in its present state: the known part, and what is not known. Pure.

On demand, US dollars, a month of 30 days (720 h). Discounts are in no price list. What AWS bills by
use is in `LEFT_OUT`. A part without a known price is named and counted as nothing, so that a
price with a missing part is a lower bound and never passes for the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from reconciler.cost.price_list import Prices
from reconciler.model import resource as kinds
from reconciler.model.resource import Resource

MONTH = 720
"""Hours."""

LEFT_OUT = (
    "data transfer",
    "CPU credits",
    "I/O requests",
    "capacity units of load balancers",
    "NAT gateways",
    "database servers that no release has made",
    "snapshot retrieval",
    "extended support of RDS",
    "support",
    "taxes and discounts",
)
"""What no figure of ours has in it."""

_ADDRESS = Decimal("0.005")
"""$/h of each public IPv4 address, in use or idle, in every region (aws.md §5)."""

LOAD_BALANCER = "load-balancer"
"""No release makes one, so it is no kind of resource; `reconciler strays` lists them."""

_GP3_IOPS = 3000
_GP3_THROUGHPUT = 125
_RDS_LARGE = 400
_RDS_LARGE_IOPS, _RDS_LARGE_THROUGHPUT = 12_000, 500
"""The baseline of RDS storage of 400 GB and more."""

_TIERS = ((32_000, "io2 iops"), (64_000, "io2 iops 2"), (None, "io2 iops 3"))
"""Up to how many IOPS each price of io2 is asked."""

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

NOT_BILLED = frozenset(
    {"pending", "stopping", "stopped", "shutting-down", "terminated", "deleted", "deregistered"}
)
"""States in which an instance is not billed; its volumes and addresses still are (aws.md §5)."""

SERVER_OFF = frozenset({"creating", "deleting", "stopped", "stopping"})
"""States in which a database server pays for its storage alone."""

_PLATFORMS = {
    "": "",
    "Linux/UNIX": "",
    "Windows": " windows",
    "Windows BYOL": "",
    "Red Hat Enterprise Linux": " rhel",
    "SUSE Linux": " suse",
}
"""PlatformDetails, and how our price names tell them apart; others have a price of their own."""

_ZERO = Decimal(0)


@dataclass(frozen=True)
class Rate:
    """Dollars a month of what is known, and the parts whose price is not known."""

    monthly: Decimal = _ZERO
    missing: tuple[str, ...] = ()

    @property
    def hourly(self) -> Decimal:
        """Dollars an hour of what is known."""
        return self.monthly / MONTH

    def plus(self, other: Rate) -> Rate:
        """Both together."""
        return Rate(self.monthly + other.monthly, self.missing + other.missing)


def rate(resource: Resource, prices: Prices) -> Rate:
    """The price of a resource in its present state."""
    if resource.kind in _FREE:
        return Rate()
    rule = _RULES.get(resource.kind)
    return rule(resource, prices) if rule else Rate(missing=(f"the price of a {resource.kind}",))


def addresses(resource: Resource, prices: Prices) -> Rate:
    """Its public IPv4 addresses."""
    hourly = prices.of(resource.place.region, "ipv4") or _ADDRESS
    return Rate(resource.public_ips * hourly * MONTH)


def machine(resource: Resource, prices: Prices) -> Rate:
    """An instance while it runs, without its addresses and volumes."""
    terms = resource.billing
    if terms.lifecycle:
        return Rate(missing=(f"the {terms.lifecycle} price of {resource.type}",))
    if terms.tenancy in ("dedicated", "host"):
        return Rate(missing=(f"{resource.type} on dedicated hardware",))
    system = _PLATFORMS.get(terms.platform)
    if system is None:
        return Rate(missing=(f"{resource.type} with {terms.platform}",))
    return _priced(resource, prices, f"{resource.type}{system}", MONTH)


def _instance(resource: Resource, prices: Prices) -> Rate:
    lent = addresses(resource, prices)
    if resource.state in NOT_BILLED:
        return lent
    return machine(resource, prices).plus(lent)


def _volume(resource: Resource, prices: Prices) -> Rate:
    parts = [_stored(resource, prices, resource.type)]
    parts += _PERFORMANCE.get(resource.type, _no_parts)(resource, prices)
    return _sum(parts)


def _no_parts(_: Resource, __: Prices) -> Iterable[Rate]:
    return ()


def _gp3(resource: Resource, prices: Prices) -> Iterable[Rate]:
    """What is above the baseline, which is free."""
    terms = resource.billing
    yield _priced(resource, prices, "gp3 iops", max(terms.iops - _GP3_IOPS, 0))
    above = max(terms.throughput - _GP3_THROUGHPUT, 0)
    yield _priced(resource, prices, "gp3 throughput", above)


def _io1(resource: Resource, prices: Prices) -> Iterable[Rate]:
    yield _provisioned(resource, prices, "io1 iops")


def _io2(resource: Resource, prices: Prices) -> Iterable[Rate]:
    below, iops = 0, resource.billing.iops
    if not iops:
        yield Rate(missing=("its IOPS",))
    for limit, name in _TIERS:
        upper = iops if limit is None else min(iops, limit)
        yield _priced(resource, prices, name, max(upper - below, 0))
        below = limit or 0


def _provisioned(resource: Resource, prices: Prices, name: str) -> Rate:
    """All provisioned IOPS at one price."""
    iops = resource.billing.iops
    return _priced(resource, prices, name, iops) if iops else Rate(missing=("its IOPS",))


def _snapshot(resource: Resource, prices: Prices) -> Rate:
    archived = resource.type == "archive"
    return _stored(resource, prices, "snapshot archive" if archived else "snapshot")


def _database_snapshot(resource: Resource, prices: Prices) -> Rate:
    return _stored(resource, prices, "rds snapshot")


def _database_server(resource: Resource, prices: Prices) -> Rate:
    """AWS restarts a stopped server after seven days."""
    storage = server_storage(resource, prices)
    if resource.state in SERVER_OFF:
        return storage
    return _sum((storage, server(resource, prices), addresses(resource, prices)))


def server(resource: Resource, prices: Prices) -> Rate:
    """A database server while it is available, without its storage and addresses."""
    class_, engine, zones = _server_type(resource.type)
    return _priced(resource, prices, f"{class_} {engine}{zones}", MONTH)


def server_storage(resource: Resource, prices: Prices) -> Rate:
    """A database server's storage, with what is provisioned of it."""
    zones = _server_type(resource.type)[2]
    storage = f"rds {resource.billing.storage or 'gp2'}"
    parts = [_stored(resource, prices, f"{storage}{zones}")]
    if storage in ("rds io1", "rds io2"):
        parts.append(_provisioned(resource, prices, f"{storage} iops{zones}"))
    if storage == "rds gp3":
        parts.append(_above_baseline(resource, prices, zones))
    return _sum(parts)


def _above_baseline(resource: Resource, prices: Prices, zones: str) -> Rate:
    """What is above the baseline of its size, which is free."""
    terms, large = resource.billing, resource.size_gb >= _RDS_LARGE
    iops = max(terms.iops - (_RDS_LARGE_IOPS if large else _GP3_IOPS), 0)
    free = _RDS_LARGE_THROUGHPUT if large else _GP3_THROUGHPUT
    throughput = max(terms.throughput - free, 0)
    return _priced(resource, prices, f"rds gp3 iops{zones}", iops).plus(
        _priced(resource, prices, f"rds gp3 throughput{zones}", throughput)
    )


def _load_balancer(resource: Resource, prices: Prices) -> Rate:
    """Its hours and the public addresses of its zones; what passes through it is left out."""
    hours = _priced(resource, prices, f"load balancer {resource.type}", MONTH)
    return hours.plus(addresses(resource, prices))


def _server_type(text: str) -> tuple[str, str, str]:
    """`db.t3.micro mysql multi-az` as class, engine and ending of a price's name."""
    class_, *more = text.split() or [""]
    engines = [word for word in more if word != "multi-az"]
    return class_, " ".join(engines) or "postgres", " multi-az" if "multi-az" in more else ""


def _stored(resource: Resource, prices: Prices, name: str) -> Rate:
    """Its size, by GB and month."""
    if not resource.size_gb:
        return Rate(missing=("its size",))
    return _priced(resource, prices, name, Decimal(str(resource.size_gb)))


def _priced(resource: Resource, prices: Prices, name: str, quantity: Decimal | int) -> Rate:
    """So many of what this name is the price of; the name is missing if it has no price."""
    if not quantity:
        return Rate()
    price = prices.of(resource.place.region, name)
    return Rate(missing=(name,)) if price is None else Rate(price * quantity)


def _sum(parts: Iterable[Rate]) -> Rate:
    total = Rate()
    for part in parts:
        total = total.plus(part)
    return total


_Parts = Callable[[Resource, Prices], Iterable[Rate]]
_PERFORMANCE: Mapping[str, _Parts] = {"gp3": _gp3, "io1": _io1, "io2": _io2}
_RULES: Mapping[str, Callable[[Resource, Prices], Rate]] = {
    kinds.INSTANCE: _instance,
    kinds.VOLUME: _volume,
    kinds.SNAPSHOT: _snapshot,
    kinds.INTERFACE: addresses,
    kinds.ADDRESS: addresses,
    kinds.RDS_INSTANCE: _database_server,
    kinds.RDS_SNAPSHOT: _database_snapshot,
    LOAD_BALANCER: _load_balancer,
}
