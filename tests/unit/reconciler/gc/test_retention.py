"""Retention: which previous and kept deploys have had their time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.gc.retention import DRAIN, Retention, beyond
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Kept, Ledger, Live, Previous
from tests.support.ledgers import ledgers, moments
from tests.support.shop_world import LIVE, NOW, deploy

AT = ("10.0.1.9",)
TTL = 60


def previous(days: float, rejected: bool = False) -> Previous:
    """A deploy that was left so many days ago."""
    born = deploy(int(days * 1440) + 5, "aaaaa")
    return Previous(born, NOW - timedelta(days=days), AT, rejected)


def gone(entries: Sequence[Previous], policy: Retention, ttl: int = TTL) -> list[int]:
    """Which of `entries` are to be forgotten, by index."""
    ledger = Ledger(9, Live(LIVE, AT), tuple(entries))
    over = beyond(ledger, policy, NOW, ttl)
    return [number for number, one in enumerate(entries) if one.id in over]


GOOD = [previous(1), previous(2), previous(3), previous(4)]


@pytest.mark.parametrize(("keep", "expected"), [(1, [1, 2, 3]), (2, [2, 3]), (4, []), (20, [])])
def test_so_many_good_ones_are_kept(keep: int, expected: list[int]) -> None:
    """The newest; the oldest are forgotten."""
    assert gone(GOOD, Retention(keep)) == expected


def test_keep_for_forgets_the_old_ones_earlier() -> None:
    """Within `keep`, what was left longer ago than `keep_for` goes."""
    assert gone(GOOD, Retention(4, keep_for=timedelta(days=2, hours=12))) == [2, 3]


def test_the_newest_good_one_is_never_forgotten() -> None:
    """However old: without it there would be nothing to go back to."""
    assert gone([previous(400), previous(401)], Retention(2, timedelta(days=7))) == [1]


def test_rejected_ones_do_not_count_as_good() -> None:
    """Rollbacks must not push out what they could go back to."""
    entries = [previous(1, rejected=True), previous(2, rejected=True), *GOOD[2:]]
    assert gone(entries, Retention(2)) == []


def test_a_rejected_one_is_kept_for_keep_rejected() -> None:
    """It may hold writes that were left behind; after its time it goes, whatever `keep` says."""
    entries = [previous(8, rejected=True), previous(6, rejected=True), previous(9)]
    assert gone(entries, Retention(20)) == [0]
    assert gone(entries, Retention(20, keep_rejected=timedelta(days=5))) == [0, 1]


def test_nothing_goes_before_its_clients_are_gone() -> None:
    """The record's TTL and a minute more: until then somebody may still come to its address."""
    drain = timedelta(seconds=300) + DRAIN
    for left, expected in ((drain, []), (drain + timedelta(seconds=1), [1])):
        unfinished_only = Previous(previous(1).id, NOW - left, AT)
        newest = Previous(LIVE, NOW, AT)
        assert gone([newest, unfinished_only], Retention(1), ttl=300) == expected


def test_evidence_is_kept_until_its_time() -> None:
    """`kept` deploys go when the time that was asked for is over, not before."""
    kept = (Kept(deploy(9, "bbbbb"), NOW), Kept(deploy(8, "ccccc"), NOW - timedelta(seconds=1)))
    assert beyond(Ledger(9, kept=kept), Retention(), NOW, TTL) == (kept[1].id,)


policies = st.builds(
    Retention,
    st.integers(1, 4),
    st.none() | st.timedeltas(timedelta(0), timedelta(days=90)),
    st.timedeltas(timedelta(0), timedelta(days=90)),
)


@given(ledgers(), policies, moments)
def test_retention_in_any_ledger(ledger: Ledger, policy: Retention, now: datetime) -> None:
    """Never who is live or holds the lease, never the newest good one, nobody twice; in order."""
    over = beyond(ledger, policy, now, TTL)
    named = [*(one.id for one in ledger.previous), *(one.id for one in ledger.kept)]
    good: list[DeployId] = [one.id for one in ledger.previous if not one.rejected]
    assert list(over) == [one for one in named if one in over]
    assert not good or good[0] not in over
    assert ledger.live is None or ledger.live.id not in over
    assert ledger.lease is None or ledger.lease.id not in over
    again = Ledger(
        ledger.gen,
        ledger.live,
        tuple(one for one in ledger.previous if one.id not in over),
        tuple(one for one in ledger.kept if one.id not in over),
    )
    assert beyond(again, policy, now, TTL) == ()
