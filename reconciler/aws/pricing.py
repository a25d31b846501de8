"""Asks the Pricing API what the kinds of things that we know cost in a region, on demand.

Its endpoint is in a few regions only, us-east-1 among them, and sells no region's secrets: any
account may ask for any region's prices. Wants the permission `pricing:GetProducts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.aws.client.query import Reads
from reconciler.aws.client.session import Aws
from reconciler.cost.price_list import read_products
from reconciler.errors import CloudError

HOME = "us-east-1"
PAGE = 100

_COMPUTE = {
    "productFamily": "Compute Instance",
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
}
_DATABASE = {
    "productFamily": "Database Instance",
    "databaseEngine": "PostgreSQL",
    "deploymentOption": "Single-AZ",
}
QUESTIONS: Sequence[tuple[str, Mapping[str, str]]] = (
    ("AmazonEC2", _COMPUTE),
    ("AmazonEC2", {"productFamily": "Storage"}),
    ("AmazonEC2", {"productFamily": "Storage Snapshot"}),
    ("AmazonRDS", _DATABASE),
)
"""A service's code, and which of its products: all of these must match."""


def fetch(aws: Aws, region: str) -> Mapping[str, float]:
    """Names with their prices in a region. Raises CloudError, AccessDenied."""
    reads = Reads(aws.in_region(HOME))
    try:
        return read_products(_products(reads, region))
    except ValueError as error:
        raise CloudError(f"the prices of {region} are not what was expected: {error}") from error


def _products(reads: Reads, region: str) -> Iterator[str]:
    for code, wanted in QUESTIONS:
        filters = [
            {"Type": "TERM_MATCH", "Field": name, "Value": value}
            for name, value in {**wanted, "regionCode": region}.items()
        ]
        for page in reads.pages(
            "get_products", service="pricing", size=PAGE, ServiceCode=code, Filters=filters
        ):
            yield from page["PriceList"]
