"""Whose database each deploy uses (ADR 23): the text, the transitions, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deployer.checks.ledger_room import longest_after, refuse_full
from reconciler.errors import Refused
from reconciler.model import ledger as t
from reconciler.model import ledger_transitions
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Cutover, Kept, Lease, Ledger, Live, NotAllowed, Previous, Via
from reconciler.model.ledger_codec import VALUE_LIMIT, LedgerTextError, decode, encode

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
AT = ("10.0.1.1",)


def born(hours: int, suffix: str, service: str = "shop") -> DeployId:
    """A deploy of so many hours ago."""
    return DeployId(service, NOW - timedelta(hours=hours), suffix)


GONE, OLD, NEW, ME = born(9, "aaaaa"), born(6, "bbbbb"), born(3, "ccccc"), born(1, "ddddd")
SHARING = Ledger(
    7,
    Live(NEW, AT, via=Via.PRIVATE, db=GONE),
    (Previous(OLD, NOW, count=1, via=Via.PRIVATE, db=GONE),),
)
"""The deploy that made the database is forgotten; live and the one before use it."""


def held(ledger: Ledger) -> Ledger:
    """The same, with my lease."""
    return replace(ledger, lease=Lease(ME, NOW, "commit"))


def test_the_text_says_whose_database_it_is() -> None:
    """A version of its own: an older program knows no `db` and must take it for unknown."""
    text = encode(SHARING)
    assert text.startswith('"v=3 gen=7"')
    assert f"live={NEW} via=private db={GONE} at=10.0.1.1" in text
    assert decode(text) == SHARING
    own = replace(SHARING, live=Live(NEW, AT, via=Via.PRIVATE), previous=())
    assert encode(own).startswith('"v=2 ')


@pytest.mark.parametrize(
    ("said", "instead", "why"),
    [
        ("v=3", "v=2", "re-serialise"),
        (f"db={GONE} at", f"db={NEW} at", "names the deploy itself"),
        (f"db={GONE} at", f"db={born(9, 'aaaaa', 'blog')} at", "two services"),
        (f"db={GONE} at", f"db={OLD} at", "none of its own"),
        (f"db={GONE} at", "db=shop at", "not a deploy-id"),
    ],
)
def test_what_makes_no_sense_is_no_ledger(said: str, instead: str, why: str) -> None:
    """A database that belongs to nobody would be dropped, or opened, by mistake."""
    with pytest.raises(LedgerTextError, match=why):
        decode(encode(SHARING).replace(said, instead))


def test_who_decides_about_a_database() -> None:
    """Live before every other; nobody, where no rooted deploy uses it."""
    assert SHARING.user_of(GONE) == NEW
    assert SHARING.user_of(NEW) is None
    assert replace(SHARING, live=None).user_of(GONE) == OLD
    kept = Ledger(1, kept=(Kept(OLD, NOW, GONE),))
    assert (kept.user_of(GONE), kept.user_of(OLD)) == (OLD, None)


def test_a_commit_shares_what_live_uses_and_passes_it_on() -> None:
    """Not live itself, but the deploy that live's database is named after."""
    after = t.commit(held(SHARING), ME, Cutover(ME, AT, NEW, NOW, Via.PRIVATE, GONE))
    assert after.live == Live(ME, AT, via=Via.PRIVATE, db=GONE)
    assert [entry.db for entry in after.previous] == [GONE, GONE]


@pytest.mark.parametrize("db", [OLD, NEW, born(20, "zzzzz")])
def test_no_commit_roots_a_database_that_live_does_not_use(db: DeployId) -> None:
    """What nobody uses is garbage for ever, and may be gone by now."""
    with pytest.raises(NotAllowed, match="does not use"):
        t.commit(held(SHARING), ME, Cutover(ME, AT, NEW, NOW, Via.PRIVATE, db))


def test_a_first_release_shares_nothing() -> None:
    """There is no live database."""
    with pytest.raises(NotAllowed, match="does not use"):
        t.commit(held(Ledger(1)), ME, Cutover(ME, AT, None, NOW, Via.PRIVATE, GONE))


def test_a_rollback_keeps_both_as_they_are() -> None:
    """Also where the release that is left has its own database."""
    copied = replace(SHARING, live=Live(NEW, AT, via=Via.PRIVATE))
    after = t.commit(held(copied), ME, Cutover(OLD, AT, NEW, NOW))
    assert after.live == Live(OLD, AT, via=Via.PRIVATE, db=GONE)
    assert (after.database_of(NEW), after.user_of(GONE)) == (NEW, OLD)


def test_forgetting_the_owner_leaves_the_users() -> None:
    """The owner's machines go, its database stays theirs."""
    owner = Previous(GONE, NOW, count=1, via=Via.PRIVATE)
    ledger = replace(SHARING, previous=(*SHARING.previous, owner))
    assert t.forget(ledger, GONE).user_of(GONE) == NEW


def test_a_closed_service_keeps_its_databases() -> None:
    """With a time to delete everything, what served is kept until then, its database too."""
    closed = ledger_transitions.retire(SHARING, NEW, NOW, NOW)
    assert closed.user_of(GONE) == NEW
    assert decode(encode(closed)) == closed


def test_room_is_left_for_the_longest_name_of_a_database() -> None:
    """Every entry may have one: what a later rollback writes still has it."""
    assert all(one.live and one.live.db == GONE for one in longest_after(SHARING, ME, NOW))
    many = tuple(
        Previous(born(50 + n, "eeeee"), NOW, count=1, via=Via.PRIVATE, db=GONE) for n in range(32)
    )
    alone = tuple(replace(entry, db=None) for entry in many)
    assert len(encode(replace(SHARING, previous=alone))) < VALUE_LIMIT - 500
    with pytest.raises(Refused, match="no room"):
        refuse_full(replace(SHARING, previous=many), ME, NOW)
