"""The ledger's transitions: what each requires and does (protocol.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import ledger as t
from reconciler.model import ledger_transitions as people
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Cutover, Ending, Kept, Lease, Ledger, Live, NotAllowed, Previous
from tests.support.ledgers import ids, ledgers, moments

NOW = datetime(2026, 11, 23, 3, 15, 2, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
AT = ("10.0.1.17",)


def deploy(age: int, suffix: str = "aaaaa") -> DeployId:
    """An id born `age` seconds before NOW."""
    return DeployId("shop", NOW - timedelta(seconds=age), suffix)


V1, V2, V3, ME = deploy(300), deploy(200), deploy(100), deploy(0)
LEASE = Lease(ME, LATER, "lease")
HELD = Ledger(
    7,
    live=Live(V2, AT),
    previous=(Previous(V1, NOW, ("10.0.1.9",)),),
    lease=LEASE,
)


def test_acquire_takes_a_free_lease() -> None:
    """The lease names me until a time; the generation is raised."""
    free = t.end(HELD, Ending(LEASE, NOW, mine=ME))
    assert free.lease is None
    mine = t.acquire(free, V3, LATER)
    assert mine.lease == Lease(V3, LATER, "lease")
    assert mine.gen == HELD.gen + 2


def test_acquire_refuses_a_held_lease_even_an_expired_one() -> None:
    """An expired lease is ended before, by a swap of its own: its things are collected first."""
    with pytest.raises(NotAllowed, match="held"):
        t.acquire(HELD, V3, LATER)


def test_acquire_refuses_an_id_that_is_rooted() -> None:
    """An id that was live or previous never becomes a holder."""
    free = t.end(HELD, Ending(LEASE, NOW, mine=ME))
    with pytest.raises(NotAllowed, match="rooted"):
        t.acquire(free, V1, LATER)


def test_renew_needs_my_lease() -> None:
    """Somebody else's lease is not mine to move."""
    assert t.renew(HELD, ME, LATER + timedelta(minutes=3), "image").lease == Lease(
        ME, LATER + timedelta(minutes=3), "image"
    )
    with pytest.raises(NotAllowed, match="held by"):
        t.renew(HELD, V3, LATER, "image")


def test_renew_may_shorten() -> None:
    """While live is shut its holder's lease is short: then a sweep opens live sooner."""
    assert t.renew(HELD, ME, NOW, "database").lease == Lease(ME, NOW, "database")


def test_commit_makes_me_live_and_keeps_the_old_one() -> None:
    """Live := me, the old live is the newest previous, the lease is cleared."""
    after = t.commit(HELD, ME, Cutover(ME, AT, V2, NOW))
    assert after.live == Live(ME, AT)
    assert after.previous[0] == Previous(V2, NOW, AT)
    assert after.previous[1:] == HELD.previous
    assert after.lease is None


def test_commit_back_rejects_what_is_left() -> None:
    """A rollback marks the newer deploy; nobody goes back to it by accident."""
    after = t.commit(HELD, ME, Cutover(V1, ("10.0.1.9",), V2, NOW))
    assert after.live == Live(V1, ("10.0.1.9",))
    assert after.previous == (Previous(V2, NOW, AT, rejected=True),)


def test_commit_back_rejects_what_was_born_in_the_same_second() -> None:
    """An id tells seconds; of two born in one, who was rejected before is the newer."""
    twin = deploy(200, "bbbbb")
    old = Live(twin, AT)
    held = replace(HELD, live=old, previous=(Previous(V2, NOW, AT),))
    back = t.commit(held, ME, Cutover(V2, AT, twin, NOW))
    assert back.previous == (Previous(twin, NOW, AT, rejected=True),)
    forward = t.commit(t.acquire(back, ME, LATER), ME, Cutover(twin, AT, V2, NOW))
    assert forward.previous == (Previous(V2, NOW, AT),)


def test_commit_forward_again_rejects_nobody() -> None:
    """Rolling forward to the newer one is no judgement on the older."""
    back = t.commit(HELD, ME, Cutover(V1, ("10.0.1.9",), V2, NOW))
    again = t.acquire(back, V3, LATER)
    forward = t.commit(again, V3, Cutover(V2, AT, V1, NOW))
    assert forward.previous == (Previous(V1, NOW, ("10.0.1.9",)),)


@pytest.mark.parametrize(
    ("mine", "cut", "why"),
    [
        (V3, Cutover(V3, AT, V2, NOW), "held by"),
        (ME, Cutover(ME, AT, V1, NOW), "another deploy went live"),
        (ME, Cutover(V3, AT, V2, NOW), "neither mine nor"),
        (ME, Cutover(ME, (), V2, NOW), "nothing to point"),
    ],
)
def test_commit_requires(mine: DeployId, cut: Cutover, why: str) -> None:
    """My lease, the live one I read, a deploy I may promote, and an address."""
    with pytest.raises(NotAllowed, match=why):
        t.commit(HELD, mine, cut)


def test_kept_evidence_is_never_promoted() -> None:
    """What failed is kept to be looked at, not to be made live."""
    kept = t.end(HELD, Ending(LEASE, NOW, mine=ME, keep=LATER))
    assert kept.kept == (Kept(ME, LATER),)
    held = t.acquire(kept, V3, LATER)
    with pytest.raises(NotAllowed, match="neither mine nor"):
        t.commit(held, V3, Cutover(ME, AT, V2, NOW))


def test_end_needs_a_right_to_it() -> None:
    """Mine, past its time, or an operator's word."""
    assert t.end(HELD, Ending(LEASE, NOW, operator=True)).lease is None
    assert t.end(HELD, Ending(LEASE, LATER + timedelta(seconds=1))).lease is None
    with pytest.raises(NotAllowed, match="has not run out"):
        t.end(HELD, Ending(LEASE, LATER))


def test_end_needs_exactly_the_lease_seen() -> None:
    """A lease that was renewed since is not the one that I saw run out."""
    renewed = t.renew(HELD, ME, LATER + timedelta(minutes=3), "image")
    with pytest.raises(NotAllowed, match="not the one seen"):
        t.end(renewed, Ending(LEASE, LATER + timedelta(hours=1)))


def test_forget_needs_no_lease_and_a_known_deploy() -> None:
    """Nothing is un-rooted while somebody may be going back to it."""
    with pytest.raises(NotAllowed, match="held"):
        t.forget(HELD, V1)
    free = t.end(HELD, Ending(LEASE, NOW, mine=ME))
    assert t.forget(free, V1).previous == ()
    with pytest.raises(NotAllowed, match="neither previous nor kept"):
        t.forget(free, V2)


def test_readdress_moves_only_the_addresses() -> None:
    """A stop and start; never to an empty set, never under somebody's lease."""
    free = t.end(HELD, Ending(LEASE, NOW, mine=ME))
    assert people.readdress(free, ("10.0.1.99",)).live == Live(V2, ("10.0.1.99",))
    with pytest.raises(NotAllowed, match="empty"):
        people.readdress(free, ())
    with pytest.raises(NotAllowed, match="held"):
        people.readdress(HELD, ("10.0.1.99",))


def test_adopt_roots_a_stranger_and_keeps_who_was_live() -> None:
    """People moved the record: the one they left can still be gone back to."""
    first = people.adopt(t.NO_LEDGER, Live(V1, AT), NOW)
    assert (first.gen, first.live) == (1, Live(V1, AT))
    second = people.adopt(first, Live(V2, ("10.0.1.5",)), NOW)
    assert second.previous == (Previous(V1, NOW, AT),)
    with pytest.raises(NotAllowed, match="held"):
        people.adopt(HELD, Live(V3, AT), NOW)


@given(ledgers(), ids, moments, st.booleans())
def test_every_transition_raises_the_generation_by_one(
    one: Ledger, mine: DeployId, now: datetime, keep: bool
) -> None:
    """No value ever comes back (the ABA problem of a delayed swap)."""
    tries: list[Callable[[], Ledger]] = [
        lambda: t.acquire(one, mine, now),
        lambda: t.renew(one, one.lease.id if one.lease else mine, now, "image"),
        lambda: t.end(
            one,
            Ending(
                one.lease or Lease(mine, now, "x"), now, operator=True, keep=now if keep else None
            ),
        ),
        lambda: people.readdress(one, AT),
        lambda: people.adopt(one, Live(mine, AT), now),
        *(partial(t.forget, one, deploy) for deploy in one.named),
    ]
    for attempt in tries:
        try:
            after = attempt()
        except NotAllowed:
            continue
        assert after.gen == one.gen + 1
        assert len(after.named) == len(set(after.named))


@given(ledgers(), moments)
def test_a_commit_forgets_nobody(one: Ledger, now: datetime) -> None:
    """Everybody the ledger named is still named, but a rollback's own id."""
    if one.lease is None:
        return
    seen = one.live.id if one.live else None
    for to in (one.lease.id, *(each.id for each in one.previous)):
        after = t.commit(one, one.lease.id, Cutover(to, AT, seen, now))
        assert one.rooted - after.rooted <= {one.lease.id} - {to}
