"""When deploys were live: by switches in the journal, by the latest retirement in the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from reconciler.model.deploy_id import DeployId
from reconciler.model.journal.entry import (
    FAILED,
    RELEASE,
    RELEASED,
    ROLLBACK,
    ROLLED_BACK,
    Entry,
)
from reconciler.model.journal.live_periods import LivePeriod, live_periods
from reconciler.model.ledger import Ledger, Previous

DAY = timedelta(days=1)
BORN = datetime(2026, 11, 1, tzinfo=UTC)
ONE = DeployId("shop", BORN, "aaaaa")
TWO = DeployId("shop", BORN + 2 * DAY, "bbbbb")
BACK = DeployId("shop", BORN + 3 * DAY, "ccccc")
OTHER = DeployId("blog", BORN + DAY, "ddddd")


def entry(own: DeployId, kind: str, deploy: DeployId, outcome: str) -> Entry:
    """An operation that took an hour."""
    return Entry(own, kind, "ci", own.born, deploy=str(deploy), outcome=outcome, ended=ended(own))


def ended(own: DeployId) -> datetime:
    """When that operation had ended."""
    return own.born + timedelta(hours=1)


JOURNAL = (
    entry(BACK, ROLLBACK, ONE, ROLLED_BACK),
    entry(ONE, RELEASE, ONE, RELEASED),
    entry(OTHER, RELEASE, OTHER, RELEASED),
    entry(TWO, RELEASE, TWO, RELEASED),
)


def test_each_switch_ends_the_period_of_the_one_before() -> None:
    """Whatever the order of the entries; what is live now has no end, and other services count not.

    A first period began with the launch, a later one with its own switch.
    """
    assert live_periods((), JOURNAL) == {
        str(ONE): (LivePeriod(ended(TWO)),),
        str(TWO): (LivePeriod(ended(BACK)),),
    }
    again = DeployId("shop", BORN + 5 * DAY, "eeeee")
    found = live_periods((), (*JOURNAL, entry(again, RELEASE, again, RELEASED)))
    assert found[str(ONE)][1] == LivePeriod(ended(again), ended(BACK))


def test_a_release_that_failed_has_switched_nothing() -> None:
    """Nor has one that still runs."""
    failed = replace(JOURNAL[3], outcome=FAILED)
    running = replace(JOURNAL[3], outcome="running", ended=None)
    for other in (failed, running):
        assert live_periods((), (JOURNAL[1], other)) == {}


def test_a_ledger_knows_the_latest_retirement() -> None:
    """It counts where no journal tells more."""
    ledger = Ledger(gen=3, previous=(Previous(ONE, BORN + DAY), Previous(TWO, BORN + 3 * DAY)))
    found = live_periods([ledger], JOURNAL[1:])
    assert found[str(ONE)] == (LivePeriod(ended(TWO)),)
    assert found[str(TWO)] == (LivePeriod(BORN + 3 * DAY),)
