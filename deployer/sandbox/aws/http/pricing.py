"""AWS's Pricing API: GetProducts, with the prices of the table that comes with the package.

Source: the API reference (FormatVersion aws_v1, MaxResults 1 to 100, filters of type TERM_MATCH
that must all match; each entry of PriceList is JSON text). As in AWS a type has a product for each
tenancy and for reserved capacity beside the usual one, and io2's IOPS have three prices.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from werkzeug.wrappers import Response

from deployer.sandbox.aws.http.error_replies import error_reply
from deployer.sandbox.aws.http.request import ApiCall
from reconciler.cost import shipped

HIGHEST = 100
_JSON = "application/x-amz-json-1.1"
_SYSTEMS = {"": "Linux", "windows": "Windows", "rhel": "RHEL", "suse": "SUSE"}
_DEDICATED = Decimal("1.1")
_MIB_OF_GIB = 1024

_STORAGE = {
    "standard": ("Storage", "EBS:VolumeUsage", "GB-Mo"),
    "gp2": ("Storage", "EBS:VolumeUsage.gp2", "GB-Mo"),
    "gp3": ("Storage", "EBS:VolumeUsage.gp3", "GB-Mo"),
    "io1": ("Storage", "EBS:VolumeUsage.piops", "GB-Mo"),
    "io2": ("Storage", "EBS:VolumeUsage.io2", "GB-Mo"),
    "st1": ("Storage", "EBS:VolumeUsage.st1", "GB-Mo"),
    "sc1": ("Storage", "EBS:VolumeUsage.sc1", "GB-Mo"),
    "gp3 iops": ("System Operation", "EBS:VolumeP-IOPS.gp3", "IOPS-Mo"),
    "io1 iops": ("System Operation", "EBS:VolumeP-IOPS.piops", "IOPS-Mo"),
    "io2 iops": ("System Operation", "EBS:VolumeP-IOPS.io2", "IOPS-Mo"),
    "io2 iops 2": ("System Operation", "EBS:VolumeP-IOPS.io2.tier2", "IOPS-Mo"),
    "io2 iops 3": ("System Operation", "EBS:VolumeP-IOPS.io2.tier3", "IOPS-Mo"),
    "gp3 throughput": ("Provisioned Throughput", "EBS:VolumeP-Throughput.gp3", "GiBps-mo"),
    "snapshot": ("Storage Snapshot", "EBS:SnapshotUsage", "GB-Mo"),
    "snapshot archive": ("Storage Snapshot", "EBS:SnapshotArchiveStorage", "GB-Mo"),
}
_DATABASE = {
    "rds gp2": ("Database Storage", "RDS:GP2-Storage", "GB-Mo"),
    "rds gp3": ("Database Storage", "RDS:GP3-Storage", "GB-Mo"),
    "rds snapshot": ("Storage Snapshot", "RDS:ChargedBackupUsage", "GB-Mo"),
    "rds gp2 multi-az": ("Database Storage", "RDS:Multi-AZ-GP2-Storage", "GB-Mo"),
    "rds gp3 multi-az": ("Database Storage", "RDS:Multi-AZ-GP3-Storage", "GB-Mo"),
    "rds io1": ("Database Storage", "RDS:PIOPS-Storage", "GB-Mo"),
    "rds io1 multi-az": ("Database Storage", "RDS:Multi-AZ-PIOPS-Storage", "GB-Mo"),
    "rds io1 iops": ("Provisioned IOPS", "RDS:PIOPS", "IOPS-Mo"),
    "rds io1 iops multi-az": ("Provisioned IOPS", "RDS:Multi-AZ-PIOPS", "IOPS-Mo"),
    "rds gp3 iops": ("Provisioned IOPS", "RDS:GP3-PIOPS", "IOPS-Mo"),
    "rds gp3 iops multi-az": ("Provisioned IOPS", "RDS:Multi-AZ-GP3-PIOPS", "IOPS-Mo"),
    "rds gp3 throughput": ("Provisioned Throughput", "RDS:GP3-Throughput", "MBPS-Mo"),
    "rds gp3 throughput multi-az": (
        "Provisioned Throughput",
        "RDS:Multi-AZ-GP3-Throughput",
        "MBPS-Mo",
    ),
}
_ENGINES = {"postgres": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}
_BALANCER = "load balancer "


def answer(call: ApiCall, body: bytes) -> Response:
    """The reply to one request."""
    if call.action != "GetProducts":
        return error_reply(call, 400, "InvalidParameterException", f"not here: {call.action}")
    asked: dict[str, Any] = json.loads(body or b"{}")
    most = int(asked.get("MaxResults", HIGHEST))
    wanted = {each["Field"]: each["Value"] for each in asked.get("Filters", ())}
    if not 1 <= most <= HIGHEST or len(wanted) > 50:
        return error_reply(call, 400, "InvalidParameterException", "MaxResults or Filters")
    token = str(asked.get("NextToken") or 0)
    if not token.isdecimal():
        return error_reply(
            call, 400, "InvalidNextTokenException", "The pagination token is invalid."
        )
    start = int(token)
    found = _matching(str(asked.get("ServiceCode", "")), tuple(sorted(wanted.items())))
    page: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": found[start : start + most]}
    if start + most < len(found):
        page["NextToken"] = str(start + most)
    return Response(json.dumps(page), 200, content_type=_JSON)


@lru_cache(maxsize=64)
def _matching(service: str, wanted: tuple[tuple[str, str], ...]) -> list[str]:
    """The products of a service with all these values, as JSON texts."""
    region = dict(wanted).get("regionCode", "")
    return [
        _product(family, {**attributes, "regionCode": region}, dollars, unit)
        for code, family, attributes, dollars, unit in _products(region)
        if code == service
        and all(
            {**attributes, "regionCode": region, "productFamily": family}.get(field) == value
            for field, value in wanted
        )
    ]


_Row = tuple[str, str, dict[str, str], Decimal, str]


def _products(region: str) -> Iterator[_Row]:
    for name, text in shipped.region(region).items():
        dollars = Decimal(text)
        if name.startswith("db."):
            yield _server(name, dollars)
        elif name in _DATABASE:
            family, usage, unit = _DATABASE[name]
            yield "AmazonRDS", family, {"usagetype": f"SBX1-{usage}"}, dollars, unit
        elif name in _STORAGE:
            family, usage, unit = _STORAGE[name]
            price = dollars * _MIB_OF_GIB if unit == "GiBps-mo" else dollars
            yield "AmazonEC2", family, {"usagetype": f"SBX1-{usage}"}, price, unit
        elif name.startswith(_BALANCER):
            yield from _balancer(name.removeprefix(_BALANCER), dollars)
        elif "." in name:
            yield from _machine(name, dollars)
    address = {"usagetype": "SBX1-PublicIPv4:InUseAddress", "group": "VPCPublicIPv4Address"}
    yield "AmazonVPC", "VpcPublicIPv4Address", address, Decimal("0.005"), "Hrs"


def _machine(name: str, dollars: Decimal) -> Iterator[_Row]:
    """The usual product, the same on dedicated hardware, and reserved capacity that is not used."""
    type_, _, system = name.partition(" ")
    usual = {
        "instanceType": type_,
        "operatingSystem": _SYSTEMS[system],
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "licenseModel": "No License required",
        "usagetype": f"SBX1-BoxUsage:{type_}",
    }
    unused = {**usual, "capacitystatus": "UnusedCapacityReservation"}
    dedicated = {**usual, "tenancy": "Dedicated"}
    for attributes, price in (
        (usual, dollars),
        (dedicated, dollars * _DEDICATED),
        (unused, dollars),
    ):
        yield "AmazonEC2", "Compute Instance", attributes, price, "Hrs"


def _server(name: str, dollars: Decimal) -> _Row:
    class_, engine, *zones = name.split()
    attributes = {
        "instanceType": class_,
        "databaseEngine": _ENGINES[engine],
        "deploymentOption": "Multi-AZ" if zones else "Single-AZ",
        "usagetype": f"SBX1-{'Multi-AZ' if zones else 'Instance'}Usage:{class_}",
    }
    return "AmazonRDS", "Database Instance", attributes, dollars, "Hrs"


def _balancer(kind: str, dollars: Decimal) -> Iterator[_Row]:
    """Its hours, and the capacity units, which have a price of their own."""
    family = f"Load Balancer-{kind.capitalize()}"
    for usage, price in (("LoadBalancerUsage", dollars), ("LCUUsage", Decimal("0.008"))):
        yield "AWSELB", family, {"usagetype": f"SBX1-{usage}"}, price, "Hrs"


def _product(family: str, attributes: Mapping[str, str], dollars: Decimal, unit: str) -> str:
    dimension = {"unit": unit, "pricePerUnit": {"USD": f"{dollars:.10f}"}}
    offer = {"priceDimensions": {"SKU.TERM.RATE": dimension}}
    return json.dumps(
        {
            "product": {"productFamily": family, "attributes": dict(attributes)},
            "terms": {"OnDemand": {"SKU.TERM": offer}},
        }
    )
