"""The soak's judge can say no, and its schedule is its seed's: both without a sandbox."""

from __future__ import annotations

import itertools
import signal
from dataclasses import replace

import pytest

from reconciler.exit_codes import Exit
from tests.soak import schedule
from tests.soak.checker import given_up, problems
from tests.soak.evidence import Evidence, Played, Rest, Seen, Switch
from tests.soak.ground import rooted
from tests.soak.observers import live
from tests.soak.report import story, summary

ORDERS = frozenset({"soak-1", "soak-2"})
REST = Rest((Exit.DIRT, Exit.DONE), Exit.DONE, live="shop_2", orders=ORDERS, writable=("shop_2",))
RELEASE = Switch(9.0, "shop/1", "shop/2", False, frozenset({"soak-1"}), ORDERS, ORDERS)
WELL = Evidence(100, (), ORDERS, 3, (RELEASE,), REST)
LATER = frozenset({*ORDERS, "soak-3"})
BACK = Switch(20.0, "shop/2", "shop/1", True, LATER, LATER, ORDERS)
BROKE = Played(1.0, 2.0, "operator", "deployer abort shop", 1, "Traceback (most recent call last)")
LEDGER = (
    '"v=1 gen=4" "live=shop/20261123T031502Z-7kq2m at=10.0.1.17,10.0.1.18" '
    '"previous=shop/20261123T021502Z-aaaaa retired=20261123T031502Z at=10.0.1.9" '
    '"lease=shop/20261123T041502Z-bbbbb until=20261123T041602Z step=image"'
)


def test_what_is_well_has_no_problem() -> None:
    """Everything answered, every order found, nothing left: not a word."""
    assert problems(WELL) == []


def rest(**changes: object) -> Evidence:
    """The good run, but its end was another."""
    return replace(WELL, rest=replace(REST, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        (replace(WELL, failures=("12:00:01 127.0.0.1 500",)), "1 of 100 questions"),
        (replace(WELL, asked=0), "the witness saw nothing"),
        (replace(WELL, acknowledged=frozenset()), "the witness saw nothing"),
        (replace(WELL, acknowledged=LATER), "1 acknowledged orders are not in shop_2: soak-3"),
        (
            replace(WELL, switches=(replace(RELEASE, after=frozenset({"soak-2"})),)),
            "1 acknowledged orders were not copied: soak-1",
        ),
        (replace(WELL, switches=(replace(RELEASE, after=None),)), "could not be read"),
        (replace(WELL, acts=(replace(BROKE, said="", hung=True),)), "did not end"),
        (replace(WELL, acts=(BROKE,)), "broke: Traceback"),
        (replace(WELL, acts=(replace(BROKE, said="", code=70),)), "no exit code of ours"),
        (rest(unrooted={"volume": frozenset({"vol-1"})}), "1 of volume is left"),
        (rest(missing=("no image of shop/2",)), "missing: no image of shop/2"),
        (rest(sweeps=(0, 4)), "sweeps ended with 0, 4"),
        (rest(sweeps=()), "not with 0"),
        (rest(plan=Exit.TO_DO, planned="forget shop/1"), "a plan is not empty"),
        (rest(ledger='"lease=shop/3 until=…"'), "a lease is left"),
        (rest(writable=("shop", "shop_2")), "shop, shop_2 does"),
        (rest(writable=()), "none does"),
    ],
)
def test_the_judge_says_what_does_not_hold(seen: Evidence, word: str) -> None:
    """Each thing that a soak is there to notice is noticed, and it alone."""
    found = problems(seen)
    assert len(found) == 1, found
    assert word in found[0]


def test_what_a_rollback_gave_up_is_not_lost() -> None:
    """Its user said so; but an order that both databases held is missed all the same."""
    back = replace(WELL, acknowledged=LATER, switches=(RELEASE, BACK))
    assert given_up(back) == {"soak-3"}
    assert problems(back) == []
    assert problems(replace(back, rest=replace(REST, orders=frozenset({"soak-1"}))))


def test_a_command_that_was_killed_is_no_problem() -> None:
    """That is what the schedule had in mind for it."""
    killed = replace(BROKE, code=-signal.SIGKILL, said="")
    stopped = replace(BROKE, code=128 + signal.SIGTERM, said="")
    assert problems(replace(WELL, acts=(killed, stopped))) == []


def test_the_story_is_told_in_order_of_time() -> None:
    """Acts and ledgers in one list, each with its time; the summary counts."""
    late = replace(BROKE, began=7.5, said="why it failed")
    told = story(replace(WELL, acts=(late,), ledgers=(Seen(3.0, LEDGER), Seen(8.0, "gen=5"))))
    assert [line.split()[0] for line in told.splitlines()] == ["3.0", "7.5", "|", "8.0"]
    assert "why it failed" in told
    assert "abort 1: 1" in summary(replace(WELL, acts=(late,)))


def test_a_seed_is_a_schedule() -> None:
    """The same one again for the same seed, for everybody and for the weather; else another."""

    def of(seed: int) -> list[object]:
        streams = [schedule.acts(seed, name) for name in schedule.CAST]
        more = (schedule.faults(seed), schedule.lags(seed))
        return [list(itertools.islice(one, 50)) for one in (*streams, *more)]

    assert of(1) == of(1)
    assert of(1) != of(2)
    every = of(1)
    assert len({str(one) for one in every}) == len(every)


def test_a_tenth_of_the_calls_is_struck() -> None:
    """As promised, in the mean over many; lags stay within their bound."""
    struck = 3000
    calls = sum(one.skip + 1 for one in itertools.islice(schedule.faults(5), struck))
    assert struck / calls == pytest.approx(schedule.FAULTS, rel=0.1)
    lags = [lag for _, lag in itertools.islice(schedule.lags(5), 500)]
    assert max(lags) <= schedule.MOST_LAG
    assert {lag > 0 for lag in lags} == {True, False}


def test_what_a_ledger_roots_is_read_from_its_text() -> None:
    """Live, previous and the lease's holder; live's first address is where its machine is asked."""
    born = ("20261123T031502Z-7kq2m", "20261123T021502Z-aaaaa", "20261123T041502Z-bbbbb")
    assert rooted(LEDGER) == {f"shop/{one}" for one in born}
    assert live(LEDGER) == (f"shop/{born[0]}", "10.0.1.17")
    adopted = LEDGER.replace(" at=10.0.1.17,", " ids=i-0d41aa07 at=10.0.1.17,")
    assert live(adopted) == live(LEDGER)
    followed = adopted.replace(" ids=", " via=private ids=")
    assert live(followed) == live(LEDGER)
