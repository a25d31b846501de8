"""EBS volumes. Most are deleted with their instance; others must be `available` to be deleted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.aws.client.query import Reads, tags_of
from reconciler.aws.deletion import Deleter
from reconciler.aws.kinds.kind import Kind
from reconciler.model.outcome import Outcome
from reconciler.model.resource import VOLUME, Resource
from reconciler.model.tags import AccountRegion


def describe(reads: Reads, ids: Sequence[str]) -> Iterator[Resource]:
    """The volumes of these ids that exist."""
    for page in reads.by_filter("describe_volumes", "volume-id", ids):
        for one in page["Volumes"]:
            yield _resource(one, reads.place)


def delete(deleter: Deleter, resources: Sequence[Resource]) -> Iterator[Outcome]:
    """Delete them; AWS refuses an attached one (VolumeInUse). `deleting` may last minutes."""
    yield from deleter.each("delete_volume", "VolumeId", resources)


def _resource(one: dict[str, Any], place: AccountRegion) -> Resource:
    held = [each for each in one.get("Attachments") or () if each.get("State") != "detached"]
    return Resource(
        VOLUME,
        one["VolumeId"],
        place,
        tags_of(one),
        state=one["State"],
        zone=one.get("AvailabilityZone", ""),
        type=one.get("VolumeType", ""),
        source=one.get("SnapshotId", ""),
        created=one.get("CreateTime"),
        used_by=tuple(each["InstanceId"] for each in held if each.get("InstanceId")),
        size_gb=one.get("Size", 0),
    )


KIND = Kind(VOLUME, describe, delete)
