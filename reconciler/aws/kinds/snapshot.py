"""EBS snapshots: a deregistered image leaves them behind.

CreateImage names the image in the snapshot's description; CopySnapshot sets the volume to
vol-ffffffff. The proof of birth uses both. AWS refuses to delete one
that an image maps (InvalidSnapshot.InUse).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reconciler.aws.client.query import Reads, tags_of
from reconciler.aws.kinds.image import OWN, snapshots_of
from reconciler.aws.kinds.kind import Kind, Raw, each
from reconciler.model.resource import SNAPSHOT, Resource
from reconciler.model.tags import AccountRegion
from reconciler.util.concurrency import begun

COPIED = "copied"
NO_VOLUME = "vol-ffffffff"

_MADE_FOR = re.compile(r"Created by CreateImage\(i-[0-9a-f]+\) for (ami-[0-9a-f]+)( from vol-\w+)?")


def describe(reads: Reads, ids: Sequence[str]) -> Iterator[Resource]:
    """The snapshots of these ids that exist, each with our account's images that map it."""
    beside = reads.beside()
    mapped = begun(lambda: _users(beside, ids))
    found = [
        one
        for page in reads.by_filter("describe_snapshots", "snapshot-id", ids, OwnerIds=["self"])
        for one in page["Snapshots"]
    ]
    users = mapped.result()
    reads.count(beside)
    for one in found:
        yield resource_of(one, reads.place, tuple(users.get(one["SnapshotId"], ())))


def _users(reads: Reads, ids: Sequence[str]) -> dict[str, list[str]]:
    users: dict[str, list[str]] = {}
    name = "block-device-mapping.snapshot-id"
    for page in reads.by_filter("describe_images", name, ids, **OWN):
        for image in page["Images"]:
            for snapshot in snapshots_of(image):
                users.setdefault(snapshot, []).append(image["ImageId"])
    return users


def _source(one: Raw) -> str:
    if one.get("VolumeId") == NO_VOLUME:
        return COPIED
    made_for = _MADE_FOR.fullmatch(one.get("Description", ""))
    return made_for[1] if made_for else str(one.get("VolumeId", ""))


def resource_of(one: Raw, place: AccountRegion, used_by: tuple[str, ...] = ()) -> Resource:
    """A snapshot as DescribeSnapshots describes it, and the images that map it."""
    return Resource(
        SNAPSHOT,
        one["SnapshotId"],
        place,
        tags_of(one),
        state=one.get("State", ""),
        type=one.get("StorageTier", ""),
        source=_source(one),
        created=one.get("StartTime"),
        used_by=used_by,
        size_gb=one.get("VolumeSize", 0),
    )


KIND = Kind(SNAPSHOT, describe, each("delete_snapshot", "SnapshotId"))
