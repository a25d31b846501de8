"""Images (AMIs) of our own account, including disabled and deprecated ones.

Deregistering leaves the snapshots: they are separate resources with their own holds and proofs, and
are deleted in the next wave. DeleteAssociatedSnapshots would also delete held snapshots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from reconciler.aws.client.query import Reads, tags_of
from reconciler.aws.kinds.kind import Kind, Raw, each
from reconciler.aws.tag_index import YOUNG
from reconciler.errors import CloudError
from reconciler.model.resource import IMAGE, Resource
from reconciler.model.tags import AccountRegion, label_of

OWN: Raw = {"Owners": ["self"], "IncludeDeprecated": True, "IncludeDisabled": True}
"""Without these, DescribeImages lists foreign images and omits some of our own (aws.md §2)."""

_GONE = frozenset({"InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"})


def describe(reads: Reads, ids: Sequence[str]) -> Iterator[Resource]:
    """The images of these ids; recently deregistered ones may still be listed as deregistered."""
    for page in reads.by_filter("describe_images", "image-id", ids, **OWN):
        for one in page["Images"]:
            yield resource_of(one, reads.place, shared=_is_shared(reads, one))


def snapshots_of(one: Raw) -> tuple[str, ...]:
    """The snapshots an image maps."""
    mapped = (each.get("Ebs", {}).get("SnapshotId") for each in one.get("BlockDeviceMappings", ()))
    return tuple(each for each in mapped if each)


def _is_shared(reads: Reads, one: Raw) -> bool:
    """Whether another account may launch it: one call per image, so only for possible garbage."""
    if one.get("Public"):
        return True
    if label_of(tags_of(one)) not in YOUNG or one.get("State") != "available":
        return False
    return any(each.get("UserId") != reads.place.account for each in _granted(reads, one))


def _granted(reads: Reads, one: Raw) -> Sequence[Raw]:
    try:
        answer = reads.call(
            "describe_image_attribute", ImageId=one["ImageId"], Attribute="launchPermission"
        )
    except CloudError as error:
        if error.code in _GONE:
            return ()
        raise
    return answer.get("LaunchPermissions") or ()


def resource_of(one: Raw, place: AccountRegion, *, shared: bool) -> Resource:
    """An image as DescribeImages describes it."""
    mappings = one.get("BlockDeviceMappings") or ()
    made = one.get("CreationDate", "")
    return Resource(
        IMAGE,
        one["ImageId"],
        place,
        tags_of(one),
        state=one.get("State", ""),
        name=one.get("Name", ""),
        source=one.get("SourceInstanceId", ""),
        created=datetime.fromisoformat(made) if made else None,
        uses=snapshots_of(one),
        size_gb=sum(each.get("Ebs", {}).get("VolumeSize", 0) for each in mappings),
        shared=shared,
        protected=one.get("DeregistrationProtection", "disabled").startswith("enabled"),
    )


KIND = Kind(IMAGE, describe, each("deregister_image", "ImageId"))
