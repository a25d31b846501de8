"""Conditional writes: what became of one is read, never guessed (rule 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.aws.s3.ledger_store import S3Ledgers
from reconciler.aws.s3.lines import as_lines
from reconciler.errors import AccessDenied, CloudError, CloudUnclear, SwapLost
from reconciler.model import ledger as led
from reconciler.model.ledger_codec import encode
from reconciler.model.reading import LedgerAddress, Reading
from tests.fakes.route53 import NOW, an_id
from tests.support.aws_api import HASTE, Api
from tests.support.bucket import bucket_for, put_object

OLD = led.Ledger(gen=1)
NEW = led.acquire(OLD, an_id("bbbbb"), NOW + timedelta(minutes=10))
OTHER = led.acquire(OLD, an_id("ccccc"), NOW + timedelta(minutes=10))


@pytest.fixture
def ledgers(api: Api) -> S3Ledgers:
    """Of the sandbox's account, in a hurry."""
    return S3Ledgers(api.aws, replace(HASTE, deadline=20))


@pytest.fixture
def address(api: Api) -> LedgerAddress:
    """Of `shop`, in a bucket that keeps versions."""
    return bucket_for(api, versioned=True)


@pytest.fixture
def seen(ledgers: S3Ledgers, address: LedgerAddress) -> Reading:
    """The first ledger stands there."""
    return ledgers.swap(ledgers.read(address), OLD)


def _writes(api: Api) -> list[int]:
    every = api.server.journal.since()
    return [one["status"] for one in every if one["action"] == "PutObject"]


def _first(api: Api, act: Callable[[], object]) -> None:
    """Run it just before the next write leaves."""
    left = [act]

    def before(**_: Any) -> None:
        if left:
            left.pop()()

    api.aws.s3_once.meta.events.register("before-send.s3.PutObject", before)


def test_a_lost_reply_is_our_own_write(api: Api, ledgers: S3Ledgers, seen: Reading) -> None:
    """botocore must not repeat it: it would hear 412 of our own write, and think it lost."""
    api.server.journal.clear()
    api.fault("PutObject", "drop_reply", times=1)
    stored = ledgers.swap(seen, NEW)
    assert (stored.ledger, _writes(api)) == (NEW, [0])
    assert replace(ledgers.read(seen.address), now=NOW) == replace(stored, now=NOW)


def test_a_lost_first_reply_is_our_own_write(
    api: Api, ledgers: S3Ledgers, address: LedgerAddress
) -> None:
    """The same where nothing was: If-None-Match would refuse the repeat."""
    api.fault("PutObject", "drop_reply", times=1)
    assert ledgers.swap(ledgers.read(address), NEW).ledger == NEW


def test_a_write_that_failed_is_sent_again(api: Api, ledgers: S3Ledgers, seen: Reading) -> None:
    """HTTP 500 may have done it or not; what was read still stands."""
    api.fault("PutObject", "error500", times=2)
    api.server.journal.clear()
    assert ledgers.swap(seen, NEW).ledger == NEW
    assert _writes(api) == [500, 500, 200]


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "OperationAborted"])
def test_another_write_under_way_is_waited_for(
    api: Api, ledgers: S3Ledgers, seen: Reading, code: str
) -> None:
    """409: read again, then retry (PutObject, IfMatch; error responses)."""
    api.fault("PutObject", "error", code=code, status=409, times=2)
    assert ledgers.swap(seen, NEW).ledger == NEW


def test_another_write_that_won_is_a_loss(api: Api, ledgers: S3Ledgers, seen: Reading) -> None:
    """409, and the other's text stands when it is read."""
    put_object(api, seen.address, as_lines(encode(OTHER)))
    api.fault("PutObject", "error", code="ConditionalRequestConflict", status=409, times=1)
    with pytest.raises(SwapLost):
        ledgers.swap(seen, NEW)


def test_who_lost_learns_to_whom(api: Api, ledgers: S3Ledgers, seen: Reading) -> None:
    """412: read again, and say who changed it."""
    _first(api, lambda: ledgers.swap(seen, OTHER))
    with pytest.raises(SwapLost, match=f"at generation 2, which names {an_id('ccccc')}"):
        ledgers.swap(seen, NEW)
    assert ledgers.read(seen.address).ledger == OTHER


@pytest.mark.parametrize("then", ["no ledger\n", "v=9 gen=1\n"])
def test_a_text_that_is_none_of_ours_is_a_loss(
    api: Api, ledgers: S3Ledgers, seen: Reading, then: str
) -> None:
    """A person edited it meanwhile."""
    put_object(api, seen.address, then)
    with pytest.raises(SwapLost, match="is no ledger any more"):
        ledgers.swap(seen, NEW)


def test_a_ledger_that_is_deleted_meanwhile_is_not_made_anew(
    api: Api, ledgers: S3Ledgers, seen: Reading
) -> None:
    """If-Match finds nothing under a delete marker: 404."""
    api.aws.s3_once.delete_object(Bucket=seen.address.bucket, Key=seen.address.key)
    with pytest.raises(SwapLost, match="was deleted by somebody"):
        ledgers.swap(seen, NEW)
    assert ledgers.raw(seen.address).text == ""


def test_a_late_copy_of_a_write_does_nothing(api: Api, ledgers: S3Ledgers, seen: Reading) -> None:
    """Its ETag is of a text that never comes back."""
    api.fault("PutObject", "duplicate", seconds=0.3, times=1)
    leased = ledgers.swap(seen, NEW)
    ended = ledgers.swap(leased, led.end(NEW, led.Ending(_lease(), NOW, mine=an_id("bbbbb"))))
    late = _until_duplicate(api)
    assert late == 412
    assert ledgers.read(seen.address).ledger == ended.ledger


def _lease() -> led.Lease:
    assert NEW.lease is not None
    return NEW.lease


def _until_duplicate(api: Api) -> int:
    for _ in HASTE.attempts():
        late = [one["status"] for one in api.server.journal.since() if one["fault"] == "duplicate"]
        if len(late) == 2:  # the first entry is that of the request itself
            return int(late[1])
    raise AssertionError("the copy did not arrive")


def test_a_slow_down_is_obeyed(api: Api, ledgers: S3Ledgers, seen: Reading) -> None:
    """503 SlowDown did nothing: the same request again is enough."""
    api.fault("PutObject", "throttle", times=2)
    assert ledgers.swap(seen, NEW).ledger == NEW


def test_a_refusal_after_a_lost_reply_proves_nothing(
    api: Api, ledgers: S3Ledgers, seen: Reading
) -> None:
    """The earlier request may still arrive: unclear, not refused."""
    api.fault("PutObject", "error500", times=1)
    api.fault("PutObject", "error", code="AccessDenied", status=403, times=0)
    with pytest.raises(CloudUnclear, match="may or may not have changed"):
        ledgers.swap(seen, NEW)


def test_a_refusal_by_itself_is_definite(api: Api, ledgers: S3Ledgers, seen: Reading) -> None:
    """Nothing of ours is under way."""
    api.fault("PutObject", "error", code="AccessDenied", status=403, times=0)
    with pytest.raises(AccessDenied):
        ledgers.swap(seen, NEW)
    api.server.faults.clear()
    api.fault("PutObject", "error", code="KMS.DisabledException", status=400, times=0)
    with pytest.raises(CloudError, match=r"KMS\.DisabledException") as definite:
        ledgers.swap(seen, NEW)
    assert not isinstance(definite.value, CloudUnclear)
