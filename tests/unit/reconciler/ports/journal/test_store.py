"""One contract, two stores of the journal: the use cases' fake, and S3 on the wire.

What the writer and the reader rest on: conditions that S3 itself checks, an order of keys that is
the order of time, and errors that are ours, each in its own short time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.aws.s3.journal import S3Journal
from reconciler.errors import AccessDenied, CloudError, CloudUnclear, ConfigError, SwapLost
from reconciler.ports.journal.store import JournalStore
from tests.fakes.journal import FakeJournal, denied, unreachable
from tests.support.aws_api import Api

BUCKET = "the-journal"
KEY = "shop/20261123T031502Z-7kq2m.json"
IDS = ("20261123T031502Z-7kq2m", "20261123T031502Z-8aaaa", "20261201T000000Z-00000")


@dataclass
class Store:
    """A store under test, and what can happen around it."""

    journal: JournalStore
    deny: Callable[[], object]
    never_answer: Callable[[], object]
    lose_reply: Callable[[], object]


def _fake() -> Store:
    journal = FakeJournal()

    def fail(how: Callable[[str, str], object]) -> Callable[[], None]:
        return lambda: setattr(journal, "fault", how)

    return Store(
        journal,
        fail(denied),
        fail(unreachable),
        lambda: setattr(journal, "lose_replies", 1),
    )


def _s3(api: Api, place: str = f"s3://{BUCKET}/deploys") -> Store:
    where: Any = {"LocationConstraint": "eu-west-1"}
    api.aws.s3_once.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)

    def fail(kind: str, **more: Any) -> Callable[[], None]:
        return lambda: api.fault("s3:PutObject", kind, **more)

    return Store(
        S3Journal(place, lambda: api.aws),
        fail("error", code="AccessDenied", status=403, times=0),
        fail("error500", times=0),
        fail("drop_reply"),
    )


@pytest.fixture(params=["fake", "s3", "no prefix"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each store in turn; S3 with and without a prefix."""
    if request.param == "fake":
        return _fake()
    place = {"s3": f"s3://{BUCKET}/deploys/", "no prefix": f"s3://{BUCKET}"}[request.param]
    return _s3(request.getfixturevalue("api"), place)


def test_it_is_made_once_and_replaced_by_version(store: Store) -> None:
    """Who has read an earlier version, or none, is refused, and what stands there stays."""
    journal = store.journal
    assert journal.get(KEY) is None
    first = journal.put(KEY, b"born", None)
    second = journal.put(KEY, b"ended", first)
    for stale in (None, first):
        with pytest.raises(SwapLost):
            journal.put(KEY, b"late", stale)
    found = journal.get(KEY)
    assert found is not None
    assert (found.body, found.version) == (b"ended", second)


def test_what_is_not_there_is_not_replaced(store: Store) -> None:
    """An expired object is lost, whatever version was read: a writer begins anew."""
    version = store.journal.put(KEY, b"born", None)
    with pytest.raises((SwapLost, CloudError)):
        store.journal.put(KEY.replace("7kq2m", "00000"), b"again", version)


def test_keys_are_those_of_one_service_in_the_order_of_time(store: Store) -> None:
    """A service whose name begins alike is another; what comes first may be left out."""
    for service in ("shop", "shop-2", "sho"):
        for id_ in reversed(IDS):
            store.journal.put(f"{service}/{id_}.json", b"{}", None)
    keys = [f"shop/{id_}.json" for id_ in IDS]
    assert list(store.journal.keys("shop")) == keys
    assert list(store.journal.keys("shop", IDS[0])) == keys
    assert list(store.journal.keys("shop", f"{IDS[0]}.json")) == keys[1:]
    assert list(store.journal.keys("nobody")) == []


def test_a_lost_reply_is_unclear_and_the_bytes_are_there(store: Store) -> None:
    """One attempt: a repeat inside the client would hear 412 of its own first write."""
    store.lose_reply()
    with pytest.raises(CloudUnclear):
        store.journal.put(KEY, b"born", None)
    found = store.journal.get(KEY)
    assert found is not None
    assert found.body == b"born"


def test_errors_are_ours_and_come_soon(store: Store) -> None:
    """The writer tells what is denied for good from what may pass."""
    store.never_answer()
    began = time.monotonic()
    with pytest.raises(CloudError):
        store.journal.put(KEY, b"born", None)
    assert time.monotonic() - began < 10


def test_a_denial_is_told_from_an_outage(store: Store) -> None:
    """It is not tried again: nobody grants a right while a release runs."""
    store.deny()
    with pytest.raises(AccessDenied, match="s3:PutObject"):
        store.journal.put(KEY, b"born", None)


def test_a_page_is_no_end(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 lists a thousand keys at most a page (ListObjectsV2, MaxKeys)."""
    store = _s3(api)
    for number in range(7):
        store.journal.put(f"shop/{number}.json", b"{}", None)
    client = api.aws.s3_quick
    listed = client.list_objects_v2
    pages: list[int] = []

    def small(**asked: Any) -> Any:
        page = listed(**asked, MaxKeys=3)
        pages.append(page["KeyCount"])
        return page

    monkeypatch.setattr(client, "list_objects_v2", small)
    assert list(store.journal.keys("shop")) == [f"shop/{number}.json" for number in range(7)]
    assert pages == [3, 3, 1]


def test_a_bucket_that_is_not_there_is_a_mistake_in_the_file(api: Api) -> None:
    """With the command that makes it."""
    with pytest.raises(ConfigError, match="no bucket nowhere") as refused:
        S3Journal("s3://nowhere", lambda: api.aws).put(KEY, b"{}", None)
    assert "aws s3 mb s3://nowhere" in refused.value.cure
