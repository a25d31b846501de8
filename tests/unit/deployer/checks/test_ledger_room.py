"""A ledger always has room for a rollback: whatever was released, it is never refused for size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.checks.ledger_room import LONGEST_ADDRESS, longest_after, refuse_full
from reconciler.errors import Refused
from reconciler.gc.retention import Retention, beyond
from reconciler.model import ledger as ledgers
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import (
    NO_LEDGER,
    STEP_LIMIT,
    Cutover,
    Ending,
    Ledger,
    LedgerHome,
    NotAllowed,
    Previous,
    Via,
)
from reconciler.model.ledger_codec import LedgerTooLong, decode, encode
from tests.support.ledgers import EPOCH

SERVICE = "a-service-with-a-long-name-x"
HOME = LedgerHome("shop.some-company.example.com", "123456789012", "ap-southeast-2")
LONGEST_STEP = "x" * STEP_LIMIT
HOUR = timedelta(hours=1)
NEW = replace(NO_LEDGER, home=HOME)


@dataclass
class Life:
    """A service's ledger through releases and rollbacks; each swap has to fit into one value."""

    count: int
    keep: int
    ledger: Ledger = NEW
    hours: int = 0
    refused: int = 0

    def mine(self) -> DeployId:
        """A new id, an hour later."""
        self.hours += 1
        return DeployId(SERVICE, EPOCH + self.hours * HOUR, "aaaaa")

    def swap(self, new: Ledger) -> None:
        """Raises LedgerTooLong, as the store does."""
        assert decode(encode(new)) == new
        self.ledger = new

    def up(self, count: int, *, fails: bool = False) -> None:
        """A release of so many machines, as its guard, lease and commit write it."""
        mine = self.mine()
        now, at = mine.born, (LONGEST_ADDRESS,) * count
        live = self.ledger.live
        cut = Cutover(mine, at, live.id if live else None, now, Via.PRIVATE)
        held = ledgers.acquire(self.ledger, mine, now)
        try:
            refuse_full(ledgers.commit(held, mine, cut), mine, now)
        except Refused:
            self.refused += 1
            return
        self.swap(held)
        self.swap(ledgers.renew(self.ledger, mine, now, LONGEST_STEP))
        if fails:
            assert self.ledger.lease is not None
            ending = Ending(self.ledger.lease, now, mine=mine, keep=now + HOUR)
            self.swap(ledgers.end(self.ledger, ending))
        else:
            self.swap(ledgers.commit(self.ledger, mine, cut))

    def back(self, to: int) -> None:
        """A rollback to one of the previous deploys: never refused."""
        if self.ledger.live is None or not self.ledger.previous:
            return
        target = self.ledger.previous[to % len(self.ledger.previous)]
        mine = self.mine()
        at = (LONGEST_ADDRESS,) * (target.count or len(target.at))
        cut = Cutover(target.id, at, self.ledger.live.id, mine.born)
        self.swap(ledgers.acquire(self.ledger, mine, mine.born))
        self.swap(ledgers.renew(self.ledger, mine, mine.born, LONGEST_STEP))
        self.swap(ledgers.commit(self.ledger, mine, cut))

    def sweep(self) -> None:
        """Retention, an hour later."""
        now = self.mine().born
        for deploy in beyond(self.ledger, Retention(self.keep), now, 60):
            self.swap(ledgers.forget(self.ledger, deploy))


SIZES = [(count, keep) for count in (1, 60, 100) for keep in (2, 5, 10)]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("up"), st.sampled_from([1, 2, 0])),
        st.tuples(st.just("fail"), st.just(0)),
        st.tuples(st.just("back"), st.integers(0, 20)),
        st.tuples(st.just("sweep"), st.just(0)),
    ),
    min_size=5,
    max_size=60,
)


@pytest.mark.parametrize(("count", "keep"), SIZES)
@given(steps)
def test_a_rollback_is_never_refused_for_size(
    count: int, keep: int, taken: list[tuple[str, int]]
) -> None:
    """After any releases, failures and rollbacks: to every previous release, and forth again."""
    life = Life(count, keep)
    for step, number in taken:
        if step == "up":
            life.up(number or count)
        elif step == "fail" and life.ledger.live is not None:
            life.up(count, fails=True)
        elif step == "back":
            life.back(number)
        else:
            life.sweep()
    for number in range(len(life.ledger.previous)):
        life.back(number)


@pytest.mark.parametrize(("count", "keep"), [one for one in SIZES if one != (100, 10)])
def test_so_many_machines_fit(count: int, keep: int) -> None:
    """Releases of the longest names go on, with a rejected one and a failed one beside."""
    life = Life(count, keep)
    for number in range(30):
        life.up(count)
        life.sweep()
        if number == 10:
            life.back(0)
            life.up(count, fails=True)
    assert life.refused == 0
    good = [entry for entry in life.ledger.previous if not entry.rejected]
    assert len(good) == keep


def test_a_release_that_could_not_be_left_is_refused_and_says_what_takes_the_room() -> None:
    """Of rejected deploys `keep` says nothing: the cure names the setting that does."""
    life = Life(100, 2)
    life.up(100)
    for _ in range(40):
        life.up(100)
        life.back(0)
        life.sweep()
    assert life.refused
    mine = life.mine()
    rejected = tuple(entry for entry in life.ledger.previous if entry.rejected)
    assert len(rejected) > 2
    held = ledgers.acquire(life.ledger, mine, mine.born)
    at = (LONGEST_ADDRESS,) * 100
    assert life.ledger.live is not None
    cut = Cutover(mine, at, life.ledger.live.id, mine.born, Via.PRIVATE)
    with pytest.raises(Refused, match="no room for a later rollback") as refused:
        refuse_full(ledgers.commit(held, mine, cut), mine, mine.born)
    assert "keep_rejected" in refused.value.cure
    assert f"{len(rejected)} rejected" in refused.value.detail


def test_the_target_with_the_most_machines_is_reckoned_with() -> None:
    """Live has one machine, its predecessor a hundred: a rollback writes a hundred addresses."""
    life = Life(1, 2)
    life.up(100)
    life.up(1)
    mine = life.mine()
    longest = max(len(encode(one)) for one in longest_after(life.ledger, mine, mine.born))
    assert longest > 100 * len(LONGEST_ADDRESS) > len(encode(life.ledger))


def test_a_rollback_beside_the_evidence_of_a_failure_is_reckoned_with() -> None:
    """Its lease, in a step of the longest name, and the failed release that is kept."""
    life = Life(1, 2)
    life.up(1)
    life.up(1)
    mine = life.mine()
    possible = list(longest_after(life.ledger, mine, mine.born))
    assert all(entry.rejected for one in possible for entry in one.previous)
    longest = max(len(encode(one)) for one in possible)
    life.up(1, fails=True)
    mine = life.mine()
    held = ledgers.acquire(life.ledger, mine, mine.born)
    assert len(encode(ledgers.renew(held, mine, mine.born, LONGEST_STEP))) <= longest


def test_entries_of_an_older_ledger_count_as_they_are() -> None:
    """Addresses that stay as text take their room, live or not."""
    life = Life(1, 2)
    life.up(1)
    mine = life.mine()
    older = replace(
        life.ledger,
        previous=tuple(Previous(life.mine(), EPOCH, (LONGEST_ADDRESS,) * 60) for _ in range(4)),
    )
    with pytest.raises(Refused):
        refuse_full(older, mine, EPOCH)
    with pytest.raises((LedgerTooLong, NotAllowed)):
        encode(ledgers.acquire(older, mine, EPOCH))
