"""Conditional writes of S3, the compare-and-swap that a ledger in an object would stand on.

Sources: S3's API Reference on PutObject, DeleteObject and GetObject; the User Guide's "Add
preconditions to S3 operations" and "data consistency model".
"""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import REGION, World
from tests.contract.helpers import refused

KEY = "shop/ledger"


@pytest.fixture
def s3(world: World) -> Any:
    """An S3 client."""
    return world.client("s3")


@pytest.fixture
def bucket(world: World, s3: Any) -> str:
    """The name of an empty bucket."""
    name = f"contract-{uuid.uuid4()}"
    where = {"LocationConstraint": REGION}
    s3.create_bucket(
        Bucket=name, **({} if REGION == "us-east-1" else {"CreateBucketConfiguration": where})
    )
    world.on_exit(lambda: s3.delete_bucket(Bucket=name))
    world.on_exit(lambda: _empty(s3, name))
    return name


def _empty(s3: Any, bucket: str) -> None:
    for one in s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
        s3.delete_object(Bucket=bucket, Key=one["Key"])


def put(s3: Any, bucket: str, text: str, **condition: str) -> str:
    """Write the object; returns its ETag."""
    return str(s3.put_object(Bucket=bucket, Key=KEY, Body=text.encode(), **condition)["ETag"])


def text_of(s3: Any, bucket: str) -> str:
    """What the object says now."""
    return str(s3.get_object(Bucket=bucket, Key=KEY)["Body"].read().decode())


def test_if_none_match_creates_once(s3: Any, bucket: str) -> None:
    """`If-None-Match: *` fails with 412 where the object exists (PutObject, IfNoneMatch)."""
    put(s3, bucket, "gen=1", IfNoneMatch="*")
    with refused("PreconditionFailed"):
        put(s3, bucket, "gen=2", IfNoneMatch="*")
    assert text_of(s3, bucket) == "gen=1"


def test_if_match_with_the_current_etag_replaces(s3: Any, bucket: str) -> None:
    """`If-Match` with the ETag in force writes (PutObject, IfMatch)."""
    seen = put(s3, bucket, "gen=1")
    put(s3, bucket, "gen=2", IfMatch=seen)
    assert text_of(s3, bucket) == "gen=2"


def test_if_match_with_an_earlier_etag_fails(s3: Any, bucket: str) -> None:
    """An ETag of earlier is 412 PreconditionFailed, and nothing is written (PutObject, IfMatch)."""
    seen = put(s3, bucket, "gen=1")
    put(s3, bucket, "gen=2", IfMatch=seen)
    with refused("PreconditionFailed"):
        put(s3, bucket, "gen=3", IfMatch=seen)
    assert text_of(s3, bucket) == "gen=2"


def test_if_match_where_nothing_is(s3: Any, bucket: str) -> None:
    """`If-Match` on an object that does not exist is 404 (User Guide, conditional writes)."""
    with refused("NoSuchKey"):
        put(s3, bucket, "gen=1", IfMatch='"0123456789abcdef0123456789abcdef"')


def test_the_same_text_has_the_same_etag(s3: Any, bucket: str) -> None:
    """An ETag tells the content, not the version (Object, ETag): a text must never come back.

    That is why a ledger carries a generation.
    """
    first = put(s3, bucket, "gen=1")
    put(s3, bucket, "gen=2")
    assert put(s3, bucket, "gen=1") == first


def test_of_many_swaps_of_one_object_one_wins(world: World, s3: Any, bucket: str) -> None:
    """A conditional write is atomic; who loses hears 412 or 409 (PutObject, IfMatch)."""
    seen = put(s3, bucket, "gen=1")
    client, lost_with = world.client("s3"), set()

    def attempt(number: int) -> bool:
        try:
            put(client, bucket, f"gen=2 lease={number}", IfMatch=seen)
        except ClientError as lost:
            lost_with.add(lost.response["Error"]["Code"])
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(attempt, range(6)))
    assert sum(won) == 1
    assert lost_with <= {"PreconditionFailed", "ConditionalRequestConflict"}
    assert text_of(s3, bucket) == f"gen=2 lease={won.index(True)}"


def test_a_read_shows_the_last_write(s3: Any, bucket: str) -> None:
    """Reads after a write or a deletion are strongly consistent (data consistency model)."""
    for gen in range(1, 10):
        put(s3, bucket, f"gen={gen}")
        assert text_of(s3, bucket) == f"gen={gen}"
    s3.delete_object(Bucket=bucket, Key=KEY)
    with refused("NoSuchKey"):
        text_of(s3, bucket)


def test_if_none_match_takes_no_etag(world: World, s3: Any, bucket: str) -> None:
    """PutObject's `If-None-Match` expects `*` alone; else 501 (PutObject, IfNoneMatch)."""
    world.errors_wanted = True
    seen = put(s3, bucket, "gen=1")
    with refused("NotImplemented"):
        put(s3, bucket, "gen=2", IfNoneMatch=seen)
    assert text_of(s3, bucket) == "gen=1"


def test_a_deletion_may_be_conditional(s3: Any, bucket: str) -> None:
    """`If-Match` on DeleteObject leaves another version alone (DeleteObject, IfMatch)."""
    seen = put(s3, bucket, "gen=1")
    put(s3, bucket, "gen=2")
    with refused("PreconditionFailed"):
        s3.delete_object(Bucket=bucket, Key=KEY, IfMatch=seen)
    assert text_of(s3, bucket) == "gen=2"
