"""What writing and reading the journal needs (docs/journal.md)."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.aws.iam.statements import Document, Scope, allow


def write(scope: Scope) -> list[Document]:
    """Objects are made, replaced and read, and listed; never deleted."""
    made = _objects(scope)
    return [allow("WriteTheJournal", "s3:PutObject", made), *read(scope)] if made else []


def read(scope: Scope) -> list[Document]:
    """For whoever looks: `history`, `logs`, `report`."""
    if not scope.journals:
        return []
    buckets = sorted({f"arn:aws:s3:::{_bucket(place)}" for place in scope.journals})
    return [
        allow("ReadTheJournal", "s3:GetObject", _objects(scope)),
        # Without it, S3 calls an object that is not there forbidden.
        allow(
            "ListTheJournal", "s3:ListBucket", buckets, {"StringLike": {"s3:prefix": _keys(scope)}}
        ),
    ]


def _objects(scope: Scope) -> list[str]:
    return [
        f"arn:aws:s3:::{_bucket(place)}/{_prefix(place)}{service}/*"
        for place in scope.journals
        for service in scope.services
    ]


def _keys(scope: Scope) -> Sequence[str]:
    return sorted(
        {f"{_prefix(place)}{one}/*" for place in scope.journals for one in scope.services}
    )


def _bucket(place: str) -> str:
    return place.removeprefix("s3://").partition("/")[0]


def _prefix(place: str) -> str:
    prefix = place.removeprefix("s3://").partition("/")[2].strip("/")
    return f"{prefix}/" if prefix else ""
