"""A bucket with ledgers in the sandbox."""

from __future__ import annotations

from typing import Any

from reconciler.model.reading import LedgerAddress
from tests.support.aws_api import Api

FOLDER = "s3://company-ledgers/ledgers"


def bucket_for(api: Api, region: str = "eu-west-1", *, versioned: bool = False) -> LedgerAddress:
    """Make the bucket; returns the address of `shop` in it."""
    address = LedgerAddress.in_bucket(FOLDER, "shop", "shop.example.com")
    client: Any = api.aws.in_region(region).s3_once
    where: Any = {"LocationConstraint": region}
    client.create_bucket(Bucket=address.bucket, CreateBucketConfiguration=where)
    if versioned:
        on: Any = {"Status": "Enabled"}
        client.put_bucket_versioning(Bucket=address.bucket, VersioningConfiguration=on)
    return address


def put_object(api: Api, address: LedgerAddress, lines: str) -> None:
    """Write it, whatever is there."""
    api.aws.s3_once.put_object(Bucket=address.bucket, Key=address.key, Body=lines.encode())


def object_text(api: Api, address: LedgerAddress) -> str:
    """What is there."""
    answer = api.aws.s3.get_object(Bucket=address.bucket, Key=address.key)
    return answer["Body"].read().decode()
