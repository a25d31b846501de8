"""Of a thousand accounts only the clients that were used last stay in memory."""

from __future__ import annotations

import gc
import weakref
from functools import partial

import pytest

from reconciler.aws.client.session import READS, Aws
from reconciler.model.tags import AccountRegion
from reconciler.util.recent_clients import MOST, RecentClients
from tests.support.aws_api import PLACE, Api


def test_the_oldest_is_dropped_first() -> None:
    """A client that is used again is young again."""
    dropped: list[str] = []
    recent = RecentClients(most=2)
    for name in ("a", "b", "a", "c", "d"):
        recent.used(name, partial(dropped.append, name))
    assert dropped == ["b", "a"]


class Client:
    """As botocore's: it is part of a cycle."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize(("kept", "enough"), [(True, 4 + 4), (False, 4 * 4)])
def test_what_very_many_clients_leave_is_freed(*, kept: bool, enough: int) -> None:
    """Without an automatic collection. A few are not worth one, nor four times as many small."""
    recent, left = RecentClients(most=4), list[weakref.ref[Client]]()
    gc.disable()
    try:
        for number in range(enough):
            assert all(one() is not None for one in left)
            client = Client()
            left.append(weakref.ref(client))
            if kept:
                recent.used(number, lambda: None)
            else:
                recent.passed()
            del client
        assert any(one() is None for one in left)
    finally:
        gc.enable()


def test_a_client_that_was_dropped_is_made_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account is not checked again, and the other clients still work."""
    del api
    monkeypatch.setattr("reconciler.aws.client.session.RECENT", RecentClients())
    first = Aws(PLACE)
    before = first.client("ec2", READS)
    assert first.client("ec2", READS) is before
    for number in range(10, 10 + MOST):  # none is of PLACE, whose client would be used again
        first.in_region(f"eu-west-{number}").client("ec2", READS)
    assert first.client("ec2", READS) is not before
    assert before.describe_regions()["Regions"]
    assert first.ec2.describe_regions()["Regions"]
    assert first.place == AccountRegion(PLACE.account, PLACE.region)
