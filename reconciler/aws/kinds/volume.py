"""EBS volumes. Most are deleted with their instance; others must be `available` to be deleted.

AWS refuses an attached one (VolumeInUse). `deleting` may last minutes.
"""

from __future__ import annotations

from reconciler.aws.client.query import tags_of
from reconciler.aws.kinds.kind import Kind, Raw, by_filter, each
from reconciler.model.resource import VOLUME, BillingTerms, Resource
from reconciler.model.tags import AccountRegion


def resource_of(one: Raw, place: AccountRegion) -> Resource:
    """One of them, from its description."""
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
        billing=BillingTerms(iops=one.get("Iops") or 0, throughput=one.get("Throughput") or 0),
    )


KIND = Kind(
    VOLUME,
    by_filter("describe_volumes", "volume-id", "Volumes", resource_of),
    each("delete_volume", "VolumeId"),
)
