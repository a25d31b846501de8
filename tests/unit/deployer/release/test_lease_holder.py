"""The lease: taken, renewed by a thread, and lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from deployer.release.clock import elapsed
from deployer.release.lease_holder import WATCH
from deployer.release.lease_terms import WORD_AFTER, WORDS, LeaseLost, LeaseTerms
from reconciler.errors import (
    AccessDenied,
    CloudError,
    CloudUnclear,
    LedgerUnknown,
    Refused,
    ToolError,
)
from reconciler.model import ledger as led
from reconciler.model.ledger import Kept, Live
from tests.fakes.ledgers import Weather
from tests.support.lease_ledger import AT, ME, OTHER, QUICK, SLOW, Book, eventually
from tests.support.shop_world import CLEAN, LIVE, NOW, OLD

# Taking it.


def test_rule_1_acquire_is_a_swap_against_what_the_guard_read(book: Book) -> None:
    """The ledger names me, until a time by AWS's clock."""
    lease = book.taken()
    held = book.stands.lease
    assert held is not None
    assert held.id == ME
    assert NOW + timedelta(minutes=10) <= held.until < NOW + timedelta(minutes=11)
    assert (lease.generation, lease.ledger.lease) == (
        CLEAN.gen + 1,
        lease.reading.ledger.lease,
    )


def test_rule_1_whoever_was_here_in_between_wins(book: Book) -> None:
    """Even if the lease is free again: an unchanged generation means that nobody was here."""
    late = book.lease()
    quick = book.lease(OTHER)
    quick.acquire()
    quick.end()
    with pytest.raises(Refused, match="just now"):
        late.acquire()
    assert book.stands.lease is None


def test_of_two_the_first_has_it(book: Book) -> None:
    """The other one is refused, and changes nothing."""
    mine, other = book.lease(), book.lease(OTHER)
    mine.acquire()
    with pytest.raises(Refused):
        other.acquire()
    assert book.stands.lease
    assert book.stands.lease.id == ME
    assert other.end() is False
    assert book.stands.lease.id == ME


def test_the_first_ledger_of_all_is_made_by_its_first_lease(book: Book) -> None:
    """Nothing stands there: opened and acquired in one swap."""
    del book.store.zone.texts[book.address.name]
    book.taken()
    assert book.stands.lease
    assert book.stands.lease.id == ME


@pytest.mark.parametrize("weather", [Weather.DONE_UNHEARD, Weather.NOT_DONE, Weather.LATE])
def test_rule_4_an_unheard_acquire_is_settled_by_the_end(book: Book, weather: Weather) -> None:
    """It raises; whoever cleans up asks the ledger, and ends the lease only if it is held."""
    lease = book.lease()
    book.store.weather.append(weather)
    with pytest.raises(CloudUnclear):
        lease.acquire()
    assert lease.end() is (weather is Weather.DONE_UNHEARD)
    assert book.stands.lease is None


def test_a_late_acquire_after_the_end_does_nothing_if_anybody_was_here(book: Book) -> None:
    """The generation moved on: the value that the late request deletes never comes back."""
    lease = book.lease()
    book.store.weather.append(Weather.LATE)
    with pytest.raises(CloudUnclear):
        lease.acquire()
    other = book.lease(OTHER)
    other.acquire()
    other.end()
    assert book.store.deliver() == [False]
    assert book.stands.lease is None


# Renewing it.


def test_every_step_is_said_in_the_ledger(book: Book) -> None:
    """Who looks sees what is going on; the time moves, the generation too."""
    lease = book.taken()
    lease.renew("image")
    assert book.stands.lease
    assert book.stands.lease.step == "image"
    assert lease.generation == book.stands.gen == CLEAN.gen + 2


def test_a_step_begins_without_a_swap_and_its_word_travels_with_the_next_renewal(
    book: Book,
) -> None:
    """A change of the zone for each step would use up what Route 53 allows an account."""
    lease = book.taken()
    before = book.stands.gen
    lease.begin("image")
    assert book.stands.gen == before
    lease.renew()
    assert book.stands.lease
    assert book.stands.lease.step == "image"


def test_a_word_alone_is_written_a_few_times_at_most(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The renewal that writes it does not begin the step anew, or none would ever be counted."""
    lease, clock = book.taken(), elapsed()
    monkeypatch.setattr("deployer.release.lease_holder.elapsed", lambda: clock)
    lease.rest()
    for step in ("image", "launch")[:WORDS]:
        lease.begin(step)
        clock += WORD_AFTER + 1
        lease.renew()
    lease.begin("connect")
    assert lease._pace.due_in(SLOW.every, clock) > WORD_AFTER


def test_a_step_does_not_begin_under_a_lease_that_was_ended(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger is read where the last word of it is older than a few seconds."""
    lease = book.taken()
    book.abort()
    monkeypatch.setattr("deployer.release.lease_holder.WATCH", 0.0)
    with pytest.raises(LeaseLost):
        lease.begin("launch")


def test_a_short_lease_of_a_moment_ago_is_short_enough(book: Book) -> None:
    """A rollback takes it so: no further swap stands before the freeze."""
    lease = book.taken(FROZEN.while_frozen())
    before = book.stands.gen
    lease.shorten()
    assert book.stands.gen == before


def test_a_short_lease_of_long_ago_is_renewed_before_the_freeze(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is shut on old news."""
    lease = book.taken(FROZEN.while_frozen())
    before = book.stands.gen
    monkeypatch.setattr("deployer.release.lease_holder.WATCH", 0.0)
    lease.shorten()
    assert book.stands.gen == before + 1


def test_nothing_is_shut_after_a_look_that_failed(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an answer nobody could commit, nor end the lease: live would refuse writes."""
    lease = book.taken(FROZEN.while_frozen())
    later = elapsed() + 2 * WATCH
    monkeypatch.setattr("deployer.release.lease_holder.elapsed", lambda: later)
    book.store.unreadable["shop"] = CloudError("route53: no answer")
    book.store.weather.append(Weather.REFUSED)
    lease.begin("database")
    with pytest.raises(CloudError):
        lease.shorten()


def test_the_thread_renews_by_itself(book: Book) -> None:
    """Without a step; what was said last stays."""
    lease = book.taken(QUICK)
    lease.renew("image")
    before = book.stands.gen
    eventually(lambda: book.stands.gen > before + 3)
    assert book.stands.lease
    assert book.stands.lease.step == "image"


def test_after_rest_nothing_is_renewed(book: Book) -> None:
    """The thread is over before rest returns."""
    lease = book.taken(QUICK)
    lease.rest()
    before = book.stands.gen
    assert lease._thread is not None
    assert not lease._thread.is_alive()
    assert book.stands.gen == before


@pytest.mark.parametrize(
    "error",
    [
        CloudError("route53: no answer"),
        AccessDenied("the AWS credentials have expired"),
    ],
)
def test_a_failed_renewal_is_tried_again(book: Book, error: ToolError) -> None:
    """The lease still runs: out of reach for a moment is no loss, nor is a login that ran out."""
    lease = book.taken(QUICK)
    book.store.weather.extend([Weather.NOT_DONE] * 3)
    book.store.unreadable["shop"] = error
    eventually(lambda: book.store.acts.count("read shop") > 5)
    del book.store.unreadable["shop"]
    before = book.stands.gen
    eventually(lambda: book.stands.gen > before + 2)
    lease.check()


def test_a_lost_lease_is_found_by_the_next_step(book: Book) -> None:
    """The thread remembers it; no step begins any more, and nothing of mine may be committed."""
    lease = book.taken(QUICK)
    book.abort()

    def lost() -> bool:
        try:
            lease.check()
        except LeaseLost:
            return True
        return False

    eventually(lost)
    with pytest.raises(LeaseLost, match="ended by an operator"):
        lease.renew("smoke")
    assert book.stands.lease is None


def test_a_ledger_that_became_unreadable_is_a_lost_lease(book: Book) -> None:
    """Unknown is not mine."""
    lease = book.taken(QUICK)
    book.store.unreadable["shop"] = LedgerUnknown("not a ledger")
    book.abort()
    eventually(lambda: lease._thread is not None and not lease._thread.is_alive())
    with pytest.raises(LeaseLost):
        lease.check()


def test_a_lost_lease_is_found_without_the_thread_too(book: Book) -> None:
    """The renewal that every step begins with says so."""
    lease = book.taken()
    book.abort()
    with pytest.raises(LeaseLost):
        lease.renew("image")
    with pytest.raises(LeaseLost):
        lease.commit(ME, AT, LIVE)


@pytest.mark.parametrize("weather", [Weather.DONE_UNHEARD, Weather.NOT_DONE])
def test_rule_4_an_unheard_renewal_is_followed_by_reading(book: Book, weather: Weather) -> None:
    """The next one is made against what stands there, whichever it is."""
    lease = book.taken()
    book.store.weather.append(weather)
    with pytest.raises(CloudUnclear):
        lease.renew("image")
    lease.renew("launch")
    assert book.stands.lease
    assert book.stands.lease.step == "launch"
    assert lease.ledger == replace(book.stands, lease=lease.ledger.lease)


def test_a_late_duplicate_of_a_renewal_is_no_loss(book: Book) -> None:
    """It arrives before the next one: refused once, read, and made again."""
    lease = book.taken()
    book.store.weather.append(Weather.LATE)
    with pytest.raises(CloudUnclear):
        lease.renew("image")
    lease._reread()
    book.store.meddlers.append(book.store.deliver)
    lease.renew("launch")
    assert book.stands.lease
    assert book.stands.lease.step == "launch"


def test_never_past_its_own_limit(book: Book) -> None:
    """A deploy that hangs ends by itself: no renewal goes beyond, and the step is refused."""
    terms = replace(SLOW, limit=timedelta(minutes=4))
    lease = book.taken(terms)
    assert book.stands.lease
    assert book.stands.lease.until == NOW + timedelta(minutes=4)
    book.store.now += timedelta(minutes=4, seconds=1)
    lease._reread()
    with pytest.raises(LeaseLost, match="longer than its limit"):
        lease.renew("image")


def test_now_is_awss_clock(book: Book) -> None:
    """The Date of the last answer, carried on; the local clock may be a day off."""
    lease = book.taken()
    book.store.now += timedelta(hours=1)
    lease.renew("image")
    assert timedelta(0) <= lease.now - book.store.now < timedelta(minutes=1)


# While live is shut.

FROZEN = LeaseTerms(
    timedelta(minutes=10), timedelta(hours=1), timedelta(hours=2), timedelta(seconds=90)
)


def test_a_lease_is_short_while_live_is_shut(book: Book) -> None:
    """By a swap of its own, and whatever renewal comes next keeps it short."""
    lease = book.taken(FROZEN)
    lease.shorten()
    for step in ("database", "migrate"):
        held = book.stands.lease
        assert held is not None
        assert NOW < held.until < NOW + timedelta(minutes=2)
        lease.renew(step)


def test_a_short_lease_is_renewed_as_often_as_it_needs(book: Book) -> None:
    """The thread, which was waiting for its next turn in an hour, takes up the new terms."""
    lease = book.taken(replace(FROZEN, frozen=timedelta(milliseconds=40)))
    lease.shorten()
    gen = book.stands.gen
    eventually(lambda: book.stands.gen >= gen + 3)
    lease.end()
    assert book.stands.lease is None


def test_no_lease_is_longer_for_being_frozen() -> None:
    """Terms shorter than `frozen` stay as they are."""
    short = LeaseTerms(timedelta(seconds=3), timedelta(seconds=0.9), timedelta(hours=2))
    assert short.while_frozen() == replace(short, every=timedelta(seconds=0.75))


def test_who_cannot_shorten_the_lease_does_not_go_on(book: Book) -> None:
    """Nothing is shut under a lease that was ended: the step fails before its act."""
    lease = book.taken(FROZEN)
    book.abort()
    with pytest.raises(LeaseLost):
        lease.shorten()


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
