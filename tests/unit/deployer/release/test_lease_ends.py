"""How a lease ends: by a commit or by giving up; an unclear swap is settled by reading."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.errors import (
    CloudUnclear,
    ToolError,
)
from reconciler.model import ledger as led
from reconciler.model.ledger import Kept, Live
from tests.fakes.ledgers import Weather
from tests.support.lease_ledger import AT, ME, OTHER, QUICK, Book
from tests.support.shop_world import CLEAN, LIVE, NOW, OLD

# Committing.


def test_a_commit_moves_ledger_and_record_together(book: Book) -> None:
    """Me live, the old one previous, the lease gone, the record at my machines."""
    lease = book.taken()
    lease.commit(ME, AT, LIVE)
    assert book.stands.live == Live(ME, AT)
    assert book.stands.previous[0].id == LIVE
    assert book.stands.lease is None
    assert book.store.pointed_at(book.address) == AT


def test_rule_4_a_commit_whose_reply_was_lost_is_a_commit(book: Book) -> None:
    """Settled by the store's reading."""
    lease = book.taken()
    book.store.weather.append(Weather.REPLY_LOST)
    lease.commit(ME, AT, LIVE)
    assert lease.ledger.live == Live(ME, AT)


@pytest.mark.parametrize("weather", [Weather.DONE_UNHEARD, Weather.NOT_DONE])
def test_rule_4_an_unheard_commit_is_answered_by_the_ledger(book: Book, weather: Weather) -> None:
    """Committed, and then there is no lease to end; or not, and then it is ended."""
    lease = book.taken()
    book.store.weather.append(weather)
    with pytest.raises(CloudUnclear):
        lease.commit(ME, AT, LIVE)
    done = weather is Weather.DONE_UNHEARD
    assert lease.committed(ME) is done
    assert lease.end() is not done
    assert lease.committed(ME) is done
    assert book.stands.lease is None


def test_a_commit_that_is_late_finds_its_lease_ended(book: Book) -> None:
    """The undo ended the lease first: the swap under way can no longer succeed."""
    lease = book.taken()
    book.store.weather.append(Weather.LATE)
    with pytest.raises(CloudUnclear):
        lease.commit(ME, AT, LIVE)
    assert lease.end() is True
    assert book.store.deliver() == [False]
    assert lease.committed(ME) is False
    assert book.store.pointed_at(book.address) == ("10.0.1.17",)


def test_a_renewal_between_reading_and_commit_is_no_loss(book: Book) -> None:
    """A late duplicate of my own renewal: read and made again."""
    lease = book.taken()
    until = NOW + timedelta(minutes=30)
    renew = lambda: book.change(lambda old: led.renew(old, ME, until, "smoke"))  # noqa: E731
    book.store.meddlers.append(renew)
    lease.commit(ME, AT, LIVE)
    assert book.stands.live == Live(ME, AT)


def test_rule_11_a_record_moved_by_people_stops_a_commit(book: Book) -> None:
    """Also when the swap is made again: what they wrote is never overwritten."""
    lease = book.taken()
    book.store.meddlers.append(lambda: book.store.point(book.address, "203.0.113.5"))
    with pytest.raises(ToolError, match=r"moved the A record shop\.example\.com to 203\.0\.113\.5"):
        lease.commit(ME, AT, LIVE)
    assert book.store.pointed_at(book.address) == ("203.0.113.5",)
    assert lease.end() is True


def test_a_commit_is_refused_when_another_deploy_went_live(book: Book) -> None:
    """`live` is no longer what I read at the start."""
    lease = book.taken()
    with pytest.raises(CloudUnclear, match="refused"):
        lease.commit(ME, AT, OLD)
    assert book.stands.live == CLEAN.live


# Ending.


def test_the_end_gives_the_lease_up_once(book: Book) -> None:
    """The second time there is nothing to give up."""
    lease = book.taken(QUICK)
    assert lease.end() is True
    assert lease.end() is False
    assert book.stands.lease is None


def test_the_end_may_keep_the_evidence(book: Book) -> None:
    """Rooted until then."""
    lease = book.taken()
    lease.end(timedelta(hours=2))
    [kept] = book.stands.kept
    assert isinstance(kept, Kept)
    assert kept.id == ME
    assert kept.until >= NOW + timedelta(hours=2)


def test_the_end_reads_first(book: Book) -> None:
    """After my own late renewal the lease is another value: ended all the same."""
    lease = book.taken()
    until = NOW + timedelta(minutes=30)
    renew = lambda: book.change(lambda old: led.renew(old, ME, until, "late"))  # noqa: E731
    book.store.meddlers.append(renew)
    assert lease.end() is True
    assert book.stands.lease is None


def test_rule_4_an_unheard_end_is_not_called_an_end(book: Book) -> None:
    """It raises: perhaps still rooted, so nothing may be deleted on its word."""
    lease = book.taken()
    book.store.weather.append(Weather.NOT_DONE)
    with pytest.raises(CloudUnclear):
        lease.end()
    assert lease.end() is True


def test_somebody_elses_lease_is_not_mine_to_end(book: Book) -> None:
    """Mine was ended and another release has begun."""
    lease = book.taken()
    book.abort()
    book.lease(OTHER).acquire()
    assert lease.end() is False
    assert book.stands.lease
    assert book.stands.lease.id == OTHER
