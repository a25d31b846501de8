"""Prices of AWS's Pricing API as a value: parsed from its products, kept in a file. Pure.

region → name → US dollars: `t3.micro` and `db.t3.micro` per hour while running,
`gp3` and `snapshot` per GB and month

A price that the API lists twice with different values is omitted: unknown is better than wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = 1
_UNITS = {"Hrs", "GB-Mo"}


@dataclass(frozen=True)
class Prices:
    """The fetched prices, and their date (`2026-11-23`); '' if nothing was fetched."""

    as_of: str = ""
    by_region: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def of(self, region: str, name: str) -> float | None:
        """The price of a name in a region; None if it was not fetched."""
        return self.by_region.get(region, {}).get(name)


def read_products(products: Iterable[str]) -> dict[str, float]:
    """Prices by name, from the products of one region. Raises ValueError for invalid JSON."""
    found: dict[str, set[float]] = {}
    for text in products:
        product = json.loads(text)
        name = _name(product.get("product", {}))
        for price in _on_demand(product.get("terms", {})) if name else ():
            found.setdefault(name, set()).add(price)
    return {name: values.pop() for name, values in sorted(found.items()) if len(values) == 1}


def _name(product: Mapping[str, Any]) -> str:
    """The name of the product here; '' if none of our resources is billed as it."""
    family, attributes = product.get("productFamily", ""), product.get("attributes", {})
    if family in ("Compute Instance", "Database Instance"):
        return str(attributes.get("instanceType", ""))
    if family == "Storage":
        return str(attributes.get("volumeApiName", ""))
    usage = str(attributes.get("usagetype", ""))
    if family == "Storage Snapshot" and usage.endswith("SnapshotUsage"):
        return "snapshot"
    return ""


def _on_demand(terms: Mapping[str, Any]) -> Iterator[float]:
    for offer in terms.get("OnDemand", {}).values():
        for dimension in offer.get("priceDimensions", {}).values():
            dollars = float(dimension.get("pricePerUnit", {}).get("USD", 0))
            if dollars > 0 and dimension.get("unit") in _UNITS:
                yield dollars


def encode(prices: Prices) -> str:
    """The prices as a file's text."""
    document = {"version": VERSION, "as_of": prices.as_of, "prices": prices.by_region}
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def decode(text: str) -> Prices:
    """The prices in a file's text. Raises ValueError if `encode` did not write it."""
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ValueError("not a file of prices of this version")
    try:
        table = {
            str(region): {str(name): float(dollars) for name, dollars in names.items()}
            for region, names in document["prices"].items()
        }
        return Prices(str(document["as_of"]), table)
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"not a file of prices: {error!r}") from error
