"""Buckets of S3: their region, their owner, and what a deletion leaves where versions are kept.

Sources: S3's API Reference on GetObject, PutObject, HeadBucket and error responses; the User
Guide's "Working with delete markers", "Verifying bucket ownership", "Conditional writes" and
"Setting default server-side encryption behavior for Amazon S3 buckets".
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import World
from tests.contract.helpers import refused

HOME, OTHER, FIRST = "eu-central-1", "eu-west-1", "us-east-1"
KEY = "shop"


@pytest.fixture
def bucket(world: World) -> str:
    """The name of an empty bucket in HOME that keeps versions."""
    s3, name = world.client("s3", HOME), f"contract-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": HOME})
    world.on_exit(lambda: s3.delete_bucket(Bucket=name))
    world.on_exit(lambda: _empty(s3, name))
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def _empty(s3: Any, bucket: str) -> None:
    found = s3.list_object_versions(Bucket=bucket)
    for version in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())):
        s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


@pytest.fixture
def s3(world: World) -> Any:
    """A client in the bucket's region."""
    return world.client("s3", HOME)


def test_a_deleted_object_is_told_from_one_that_never_was(s3: Any, bucket: str) -> None:
    """A delete marker is a 404 with `x-amz-delete-marker: true` (Working with delete markers)."""
    with pytest.raises(ClientError) as never:
        s3.get_object(Bucket=bucket, Key=KEY)
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"gen=1")
    s3.delete_object(Bucket=bucket, Key=KEY)
    with pytest.raises(ClientError) as deleted:
        s3.get_object(Bucket=bucket, Key=KEY)
    for error, marker in ((never, None), (deleted, "true")):
        answer: Any = error.value.response
        assert answer["Error"]["Code"] == "NoSuchKey"
        assert answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-delete-marker") == marker


def test_if_none_match_writes_over_a_delete_marker(s3: Any, bucket: str) -> None:
    """`If-None-Match: *` looks at the current version: a marker is no object (conditional writes).

    So a ledger that somebody deleted could be begun anew: the product must look elsewhere first.
    """
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"gen=7")
    s3.delete_object(Bucket=bucket, Key=KEY)
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"gen=1", IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"gen=1"


def test_if_match_finds_no_object_under_a_delete_marker(s3: Any, bucket: str) -> None:
    """The earlier version's ETag matches nothing any more (conditional writes)."""
    seen = s3.put_object(Bucket=bucket, Key=KEY, Body=b"gen=7")["ETag"]
    s3.delete_object(Bucket=bucket, Key=KEY)
    with refused("NoSuchKey"):
        s3.put_object(Bucket=bucket, Key=KEY, Body=b"gen=8", IfMatch=seen)


@pytest.mark.parametrize("region", [OTHER, FIRST])
def test_the_bucket_says_its_region_to_whoever_asks_elsewhere(
    world: World, bucket: str, region: str
) -> None:
    """GetBucketLocation answers everywhere (GetBucketLocation; HeadBucket for the header)."""
    asked = world.client("s3", region)
    assert asked.get_bucket_location(Bucket=bucket)["LocationConstraint"] == HOME


@pytest.mark.parametrize("region", [OTHER, FIRST])
def test_botocore_follows_to_the_region(world: World, bucket: str, s3: Any, region: str) -> None:
    """301 PermanentRedirect names the region in a header, 400 in its text (error responses).

    botocore asks again there, also with one attempt a call, since nothing was done.
    """
    asked, statuses = world.client("s3", region), []

    def note(response: Any, **_: Any) -> None:
        statuses.append(response[0].status_code if response else 0)

    asked.meta.events.register_first("needs-retry.s3.PutObject", note, unique_id=bucket)
    asked.put_object(Bucket=bucket, Key=KEY, Body=b"gen=1", IfNoneMatch="*")
    asked.meta.events.unregister("needs-retry.s3.PutObject", unique_id=bucket)
    assert statuses == [{OTHER: 301, FIRST: 400}[region], 200]
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"gen=1"


def test_another_owner_than_the_expected_one(s3: Any, bucket: str) -> None:
    """`ExpectedBucketOwner` of another account is 403 (Verifying bucket ownership)."""
    asked = {"Bucket": bucket, "Key": KEY, "ExpectedBucketOwner": "210987654321"}
    with refused("AccessDenied"):
        s3.put_object(**asked, Body=b"gen=1")
    with refused("AccessDenied"):
        s3.get_object(**asked)


def test_an_answer_has_a_date(s3: Any, bucket: str) -> None:
    """Also one that finds nothing (common response headers): it is the clock of a lease."""
    with pytest.raises(ClientError) as never:
        s3.get_object(Bucket=bucket, Key=KEY)
    answer: Any = never.value.response
    assert "date" in answer["ResponseMetadata"]["HTTPHeaders"]


def test_a_bucket_that_encrypts_takes_conditional_writes(s3: Any, bucket: str) -> None:
    """Encryption by the bucket's default wants no header, and changes no condition (SSE-KMS).

    The ETag of such an object is no digest of its content (Object, ETag): it is only compared.
    """
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    first = s3.put_object(Bucket=bucket, Key=KEY, Body=b"gen=1", IfNoneMatch="*")
    seen = s3.get_object(Bucket=bucket, Key=KEY)
    assert (seen["ETag"], seen["ServerSideEncryption"]) == (first["ETag"], "aws:kms")
    with refused("PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key=KEY, Body=b"gen=2", IfNoneMatch="*")
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"gen=2", IfMatch=seen["ETag"])
    with refused("PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key=KEY, Body=b"gen=3", IfMatch=seen["ETag"])
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"gen=2"
