"""Reads the regional prices of the known resource kinds from the Pricing API, on demand.

Its endpoint exists in a few regions only, us-east-1 among them. Prices are public: any account may
read any region's prices. Needs the permission `pricing:GetProducts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from reconciler.aws.client.query import Reads
from reconciler.aws.client.session import Aws
from reconciler.cost.price_list import read_products
from reconciler.errors import CloudError

HOME = "us-east-1"
PAGE = 100

_SYSTEMS = ("Linux", "Windows", "RHEL", "SUSE")
_MACHINE = {"tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}
_SERVER = {"productFamily": "Database Instance"}
QUESTIONS: Sequence[tuple[str, Mapping[str, str]]] = (
    *(("AmazonEC2", {**_MACHINE, "operatingSystem": system}) for system in _SYSTEMS),
    ("AmazonEC2", {"productFamily": "Storage"}),
    ("AmazonEC2", {"productFamily": "System Operation"}),
    ("AmazonEC2", {"productFamily": "Provisioned Throughput"}),
    ("AmazonEC2", {"productFamily": "Storage Snapshot"}),
    ("AmazonVPC", {"group": "VPCPublicIPv4Address"}),
    *(
        ("AmazonRDS", {**_SERVER, "databaseEngine": engine})
        for engine in ("PostgreSQL", "MySQL", "MariaDB")
    ),
    ("AmazonRDS", {"productFamily": "Database Storage"}),
    ("AmazonRDS", {"productFamily": "Provisioned IOPS"}),
    ("AmazonRDS", {"productFamily": "Provisioned Throughput"}),
    ("AmazonRDS", {"productFamily": "Storage Snapshot"}),
    *(
        ("AWSELB", {"productFamily": f"Load Balancer-{kind}"})
        for kind in ("Application", "Network", "Gateway")
    ),
)
"""Service code, and product filters: all of these must match."""


def fetch(aws: Aws, region: str) -> Mapping[str, Decimal]:
    """The prices in a region, by name. Raises CloudError, AccessDenied."""
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
