"""The tag index: small rows for every kind at once, instead of whole resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.aws.client.query import Reads
from reconciler.model import tags as t
from reconciler.model.tag_summary import KEYS, Groups, Row, grouped
from reconciler.model.tags import Label

YOUNG = (Label.PENDING, Label.FAILED, Label.LEFT)
"""Labels of possible garbage: an unfinished-only sweep reads no others."""

Index = Mapping[str, tuple[str, ...]]
"""Ids by resource type, with DescribeTags' names."""


def read_index(reads: Reads, *, unfinished_only: bool) -> Index:
    """Everything that carries `deploy-id`, or, if `unfinished_only`, one of the labels above.

    The deploys of what it finds are then known to `reads`, unless only labels were asked for.
    Raises CloudError, AccessDenied. Never returns a partial index.
    """
    found: dict[str, list[str]] = {}
    for page in reads.pages("describe_tags", Filters=_filters(unfinished_only)):
        for row in page["Tags"]:
            found.setdefault(row["ResourceType"], []).append(row["ResourceId"])
            if row["Key"] == t.ID:
                reads.know(row["Value"], (row["ResourceId"],))
    return {kind: tuple(dict.fromkeys(ids)) for kind, ids in found.items()}


def read_census(reads: Reads) -> Groups:
    """Everything that carries `deploy-id`, with its label: two rows a resource.

    Raises CloudError, AccessDenied. Never returns a partial index.
    """
    return grouped(_rows(reads))


def read_tags(reads: Reads, ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """All tags of these resources, by id. Raises CloudError, AccessDenied."""
    found: dict[str, dict[str, str]] = {}
    for page in reads.by_filter("describe_tags", "resource-id", ids):
        for row in page["Tags"]:
            found.setdefault(row["ResourceId"], {})[row["Key"]] = row["Value"]
    return found


def _rows(reads: Reads) -> Iterator[Row]:
    for page in reads.pages("describe_tags", Filters=[{"Name": "key", "Values": list(KEYS)}]):
        for row in page["Tags"]:
            yield row["ResourceType"], row["ResourceId"], row["Key"], row["Value"]


def _filters(unfinished_only: bool) -> list[dict[str, Any]]:
    if not unfinished_only:
        return [{"Name": "key", "Values": [t.ID]}]
    return [
        {"Name": "key", "Values": [t.STATE]},
        {"Name": "value", "Values": [label.value for label in YOUNG]},
    ]
