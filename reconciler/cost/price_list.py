"""Prices of AWS's Pricing API as a value: parsed from its products, kept in a file. Pure.

Names, with US dollars by region:

- an hour of a machine: `t3.micro`, `t3.micro windows` (also rhel, suse), `db.t3.micro postgres`
  (also mysql, mariadb; ` multi-az`), of a public address: `ipv4`, of a balancer:
  `load balancer application` (also network, gateway)
- a GB and month: `gp3`, `io2`, …, `snapshot`, `snapshot archive`, `rds gp3`, `rds snapshot`
- an IOPS or a MiB/s and month: `gp3 iops`, `gp3 throughput`, `io2 iops`, `io2 iops 2`, …

A price that the API lists twice with different values is omitted: unknown is better than wrong.
What was not fetched is taken from the table that comes with the package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from reconciler.cost import shipped

VERSION = 2
_MIB_OF_GIB = 1024

_SYSTEMS = {"Linux": "", "Windows": " windows", "RHEL": " rhel", "SUSE": " suse"}
_ENGINES = {"PostgreSQL": "postgres", "MySQL": "mysql", "MariaDB": "mariadb"}
_BALANCER = "Load Balancer-"
_ZONES = {"Single-AZ": "", "Multi-AZ": " multi-az"}
_REGION_PREFIX = re.compile(r"^[A-Z]{2,4}[0-9]?-(?!AZ)")
_USAGE = {
    "EBS:VolumeUsage": "standard",
    "EBS:VolumeUsage.gp2": "gp2",
    "EBS:VolumeUsage.gp3": "gp3",
    "EBS:VolumeUsage.piops": "io1",
    "EBS:VolumeUsage.io2": "io2",
    "EBS:VolumeUsage.st1": "st1",
    "EBS:VolumeUsage.sc1": "sc1",
    "EBS:VolumeP-IOPS.gp3": "gp3 iops",
    "EBS:VolumeP-Throughput.gp3": "gp3 throughput",
    "EBS:VolumeP-IOPS.piops": "io1 iops",
    "EBS:VolumeP-IOPS.io2": "io2 iops",
    "EBS:VolumeP-IOPS.io2.tier2": "io2 iops 2",
    "EBS:VolumeP-IOPS.io2.tier3": "io2 iops 3",
    "EBS:SnapshotUsage": "snapshot",
    "EBS:SnapshotArchiveStorage": "snapshot archive",
    "PublicIPv4:InUseAddress": "ipv4",
    "RDS:GP2-Storage": "rds gp2",
    "RDS:GP3-Storage": "rds gp3",
    "RDS:PIOPS-Storage": "rds io1",
    "RDS:PIOPS": "rds io1 iops",
    "RDS:GP3-PIOPS": "rds gp3 iops",
    "RDS:GP3-Throughput": "rds gp3 throughput",
    "RDS:Multi-AZ-GP2-Storage": "rds gp2 multi-az",
    "RDS:Multi-AZ-GP3-Storage": "rds gp3 multi-az",
    "RDS:Multi-AZ-PIOPS-Storage": "rds io1 multi-az",
    "RDS:Multi-AZ-PIOPS": "rds io1 iops multi-az",
    "RDS:Multi-AZ-GP3-PIOPS": "rds gp3 iops multi-az",
    "RDS:Multi-AZ-GP3-Throughput": "rds gp3 throughput multi-az",
    "RDS:ChargedBackupUsage": "rds snapshot",
}
"""AWS's usage types without their region, and our names."""


@dataclass(frozen=True)
class Prices:
    """The fetched prices, and their date (`2026-11-23`); '' if nothing was fetched."""

    as_of: str = ""
    by_region: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)

    def of(self, region: str, name: str) -> Decimal | None:
        """The price of a name in a region, fetched or from the table; None if unknown."""
        fetched = self.by_region.get(region, {}).get(name)
        if fetched is not None:
            return fetched
        listed = shipped.region(region).get(name)
        return None if listed is None else Decimal(listed)


def read_products(products: Iterable[str]) -> dict[str, Decimal]:
    """Prices by name, from the products of one region. Raises ValueError for invalid JSON."""
    found: dict[str, set[Decimal]] = {}
    for text in products:
        product = json.loads(text)
        name = _name(product.get("product", {}))
        for price in _on_demand(product.get("terms", {})) if name else ():
            found.setdefault(name, set()).add(price)
    return {name: values.pop() for name, values in sorted(found.items()) if len(values) == 1}


def _name(product: Mapping[str, Any]) -> str:
    """The name of the product here; '' if none of our resources is billed as it."""
    family, attributes = product.get("productFamily", ""), product.get("attributes", {})
    if family.startswith("Compute Instance"):
        return _machine(attributes)
    if family == "Database Instance":
        return _server(attributes)
    usage = _REGION_PREFIX.sub("", str(attributes.get("usagetype", "")))
    if family.startswith(_BALANCER):
        kind = family.removeprefix(_BALANCER).lower()
        return f"load balancer {kind}" if usage == "LoadBalancerUsage" else ""
    return _USAGE.get(usage, "")


def _machine(attributes: Mapping[str, str]) -> str:
    """A machine with one system, on shared hardware, its licence included, and in use.

    One type has a product for each other tenancy, licence and for reserved capacity.
    """
    system = _SYSTEMS.get(attributes.get("operatingSystem", ""))
    usual = {
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "licenseModel": "No License required",
    }
    odd = any(attributes.get(key, value) != value for key, value in usual.items())
    return "" if system is None or odd else f"{attributes.get('instanceType', '')}{system}"


def _server(attributes: Mapping[str, str]) -> str:
    engine = _ENGINES.get(attributes.get("databaseEngine", ""))
    zones = _ZONES.get(attributes.get("deploymentOption", ""))
    if engine is None or zones is None:
        return ""
    return f"{attributes.get('instanceType', '')} {engine}{zones}"


def _on_demand(terms: Mapping[str, Any]) -> Iterator[Decimal]:
    for offer in terms.get("OnDemand", {}).values():
        for dimension in offer.get("priceDimensions", {}).values():
            dollars = Decimal(dimension.get("pricePerUnit", {}).get("USD", "0"))
            if dollars > 0:
                by_gib = str(dimension.get("unit", "")).lower() == "gibps-mo"
                yield dollars / _MIB_OF_GIB if by_gib else dollars


def encode(prices: Prices) -> str:
    """The prices as a file's text."""
    table = {
        region: {name: str(dollars) for name, dollars in names.items()}
        for region, names in prices.by_region.items()
    }
    document = {"version": VERSION, "as_of": prices.as_of, "prices": table}
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def decode(text: str) -> Prices:
    """The prices in a file's text. Raises ValueError if `encode` did not write it."""
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ValueError("not a file of prices of this version")
    try:
        table = {
            str(region): {str(name): Decimal(str(dollars)) for name, dollars in names.items()}
            for region, names in document["prices"].items()
        }
        if not all(_is_price(dollars) for names in table.values() for dollars in names.values()):
            raise ValueError("not a file of prices: a price that is none")
        return Prices(str(document["as_of"]), table)
    except (KeyError, AttributeError, TypeError, InvalidOperation) as error:
        raise ValueError(f"not a file of prices: {error!r}") from error


def _is_price(dollars: Decimal) -> bool:
    return dollars.is_finite() and dollars >= 0
