"""Lists every A record of hosted zones: the names that direct clients (protocol.md, rule 13).

Includes weighted records and records of a set: they direct some clients. An alias or a CNAME has no
address of its own; its target has one, and is listed if it is in the same zones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler.aws.client.errors import calling
from reconciler.aws.route53.zone_reader import PAGE, plain
from reconciler.model.reading import Listing

if TYPE_CHECKING:
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_route53.type_defs import ListResourceRecordSetsResponseTypeDef as ListOutput


def list_names(client: Route53Client, zone_ids: Sequence[str]) -> Listing:
    """The addresses of every name of the zones. Raises CloudError, AccessDenied."""
    held: dict[str, set[str]] = {}
    calls = 0
    for answer in (page for id_ in zone_ids for page in _pages(client, id_)):
        calls += 1
        for record in answer["ResourceRecordSets"]:
            values = record.get("ResourceRecords", [])
            if record["Type"] == "A" and values:
                held.setdefault(plain(record["Name"]), set()).update(
                    value["Value"] for value in values
                )
    return Listing({name: tuple(sorted(at)) for name, at in held.items()}, calls)


def _pages(client: Route53Client, zone_id: str) -> Iterator[ListOutput]:
    with calling("route53:ListResourceRecordSets"):
        pages = client.get_paginator("list_resource_record_sets")
        yield from pages.paginate(HostedZoneId=zone_id, PaginationConfig={"PageSize": int(PAGE)})
