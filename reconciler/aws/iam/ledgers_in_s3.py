"""The permissions that only ledgers in S3 need: to read and to write, never to delete."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.aws.iam.statements import Document, Scope, allow
from reconciler.model.reading import LedgerAddress

_LOOK = ("s3:GetBucketLocation", "s3:GetBucketVersioning")


def swap(scope: Scope) -> list[Document]:
    """Read the ledgers of these folders, and write those of the services."""
    if not scope.objects:
        return []
    keys = _arns(f"{one.bucket}/{one.key}" for one in scope.objects)
    over = {"Null": {"s3:if-match": "false"}}
    first = {"Null": {"s3:if-none-match": "false"}}
    return [
        *see(scope),
        allow("SwapTheLedgersInS3NeverOverwrite", "s3:PutObject", keys, over),
        allow("BeginLedgersInS3", "s3:PutObject", keys, first),
    ]


def see(scope: Scope) -> list[Document]:
    """Read the ledgers of these folders: a record has one of them."""
    if not scope.objects:
        return []
    buckets = _arns(one.bucket for one in scope.objects)
    folders = sorted({_folder(one) for one in scope.objects})
    # `IfExists`: a read of an object that is not there has no prefix, and would be a 403.
    listed = {"StringLikeIfExists": {"s3:prefix": folders}}
    every = _arns(f"{one.bucket}/{_folder(one)}*" for one in scope.objects)
    return [
        allow("ReadTheLedgersInS3", "s3:GetObject", every),
        allow("TellNoLedgerFromADeniedOne", "s3:ListBucket", buckets, listed),
        allow("LookAtTheBucket", _LOOK, buckets),
    ]


def _folder(address: LedgerAddress) -> str:
    return address.key.removesuffix(address.service)


def _arns(paths: Iterable[str]) -> list[str]:
    return sorted({f"arn:aws:s3:::{path}" for path in paths})
