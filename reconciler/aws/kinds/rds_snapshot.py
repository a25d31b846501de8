"""RDS snapshots of every origin: those made by AWS may carry our tags, and are look-alikes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.aws.client.query import tags_of
from reconciler.aws.deletion import Deleter
from reconciler.aws.kinds import rds_api
from reconciler.aws.kinds.kind import Raw
from reconciler.model.outcome import Outcome
from reconciler.model.resource import RDS_SNAPSHOT, Resource
from reconciler.model.tags import AccountRegion


def delete(deleter: Deleter, resources: Sequence[Resource]) -> Iterator[Outcome]:
    """Delete them. An instance that was restored from a snapshot does not need it any more."""
    return rds_api.delete(deleter, resources, "delete_db_snapshot", "DBSnapshotIdentifier")


def _resource(one: Raw, place: AccountRegion) -> Resource:
    return Resource(
        RDS_SNAPSHOT,
        rds_api.end_of(one["DBSnapshotArn"]),
        place,
        tags_of(one, "TagList"),
        state=one.get("Status", ""),
        name=one["DBSnapshotIdentifier"],
        type=one.get("SnapshotType", ""),
        source=one.get("SourceDBSnapshotIdentifier") or "",
        created=one.get("SnapshotCreateTime"),
        size_gb=one.get("AllocatedStorage", 0),
    )


KIND = rds_api.kind(RDS_SNAPSHOT, "describe_db_snapshots", "DBSnapshots", _resource, delete)
