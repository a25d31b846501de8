"""The transitions that people ask for: each requires that nobody holds the lease (protocol.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model import ledger_transitions as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import (
    Kept,
    Lease,
    Ledger,
    LedgerHome,
    Live,
    NotAllowed,
    Previous,
    acquire,
)

NOW = datetime(2026, 11, 23, 3, 15, 2, tzinfo=UTC)
OLD, LIVE, ME = (DeployId("shop", NOW - timedelta(hours=age), "aaaaa") for age in (2, 1, 0))
HOME = LedgerHome("shop.example.com", "111122223333", "eu-west-1")
ELSEWHERE = LedgerHome("www.example.com", "111122223333", "eu-west-1")
FREE = Ledger(
    7, live=Live(LIVE, ("10.0.1.17",)), previous=(Previous(OLD, NOW, ("10.0.1.9",)),), home=HOME
)
HELD = replace(FREE, lease=Lease(ME, NOW, "migrate"))
THERE = "Z2/shop._deploy.example.org"


@pytest.mark.parametrize(
    "transition",
    [
        lambda ledger: t.identify(ledger, ("i-17",)),
        lambda ledger: t.retire(ledger, LIVE, NOW, None),
        lambda ledger: t.rename(ledger, ELSEWHERE),
        lambda ledger: t.close(ledger, THERE),
    ],
    ids=["identify", "retire", "rename", "close"],
)
def test_none_is_made_under_a_lease(transition: Callable[[Ledger], Ledger]) -> None:
    """Also not under one that has run out: its deploy is ended first, by a swap of its own."""
    assert transition(FREE).gen == FREE.gen + 1
    with pytest.raises(NotAllowed, match="held"):
        transition(HELD)


@pytest.mark.parametrize("named", [OLD, ME])
def test_a_service_is_closed_by_the_name_of_who_is_live(named: DeployId) -> None:
    """Nobody is unlived by absence (rule 14), nor by another's name."""
    with pytest.raises(NotAllowed, match="is not live"):
        t.retire(FREE, named, NOW, None)
    with pytest.raises(NotAllowed, match="is not live"):
        t.retire(replace(FREE, live=None), LIVE, NOW, None)


def test_a_closed_service_keeps_who_served() -> None:
    """As previous without an end, as evidence with one."""
    closed = t.retire(FREE, LIVE, NOW, None)
    assert (closed.live, [one.id for one in closed.previous]) == (None, [LIVE, OLD])
    until = NOW + timedelta(days=7)
    ending = t.retire(FREE, LIVE, NOW, until)
    assert (ending.previous, ending.kept) == ((), (Kept(LIVE, until), Kept(OLD, until)))


def test_a_ledger_is_written_elsewhere_only_from_its_tombstone() -> None:
    """At no moment do two ledgers say who is live (rule 12); none is closed twice."""
    with pytest.raises(NotAllowed, match="not closed"):
        t.reopen(FREE, "Z1/shop._deploy.example.com", ELSEWHERE)
    closed = t.close(FREE, THERE)
    with pytest.raises(NotAllowed, match="moved already"):
        t.close(closed, THERE)
    there = t.reopen(closed, "Z1/shop._deploy.example.com", ELSEWHERE)
    assert (there.moved, there.was, there.live) == ("", ("Z1/shop._deploy.example.com",), FREE.live)


def test_a_service_that_has_left_takes_no_lease() -> None:
    """Nobody releases or sweeps what was handed over, until somebody adopts it again."""
    gone = t.leave(FREE, Live(LIVE, ("10.0.1.17",)), NOW, NOW + timedelta(days=7))
    with pytest.raises(NotAllowed, match="has left"):
        acquire(gone, ME, NOW)
    back = t.adopt(gone, Live(LIVE, ("10.0.1.17",)), NOW)
    assert acquire(back, ME, NOW).lease is not None


def test_an_adopted_deploys_machine_is_recorded() -> None:
    """Only for a deploy that is live."""
    found = t.identify(FREE, ("i-17",)).live
    assert found is not None
    assert found.ids == ("i-17",)
    with pytest.raises(NotAllowed, match="nobody is live"):
        t.identify(replace(FREE, live=None), ("i-17",))
