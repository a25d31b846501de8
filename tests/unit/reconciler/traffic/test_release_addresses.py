"""Addresses of a release that the ledger only counts: described, or unknown, never a stranger's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Reason, Role, Root, Verdict
from reconciler.model.ledger import Live, Previous, Via
from reconciler.model.resource import INSTANCE, Resource
from reconciler.model.tags import HELD_BY_ADOPTION, HOLD, ID
from reconciler.model.tags import LEDGER as LEDGER_TAG
from reconciler.plan.record_drift import machines_of, may_stand_in_record
from reconciler.plan.service_plan import SweepRequest
from reconciler.plan.swaps import swaps
from reconciler.traffic.release_addresses import addresses_of, lacks, via_of, without_addresses
from tests.support.shop_world import CLEAN, HOME, LEDGER, LIVE, NOW, OLD, PLACE

ZONE = "eu-west-1a"


def machine(
    number: int, public: str = "", *, kept: bool = False, state: str = "running"
) -> Resource:
    """A machine of OLD. A stopped one has no public address, unless it is `kept` (elastic)."""
    held = (public,) if public and (kept or state == "running") else ()
    return Resource(
        INSTANCE,
        f"i-{number}",
        PLACE,
        {ID: str(OLD), LEDGER_TAG: LEDGER},
        state=state,
        token=OLD.client_token(ZONE),
        zone=ZONE,
        addresses=(f"10.0.1.{number}", f"10.0.2.{number}", *held),
        public=held,
        elastic=held if kept else (),
    )


def left(count: int, via: Via) -> Previous:
    """OLD as this version writes it."""
    return Previous(OLD, NOW, count=count, via=via)


def stopped(*, kept: bool) -> Resource:
    """A stopped machine that had a public address."""
    return machine(9, "203.0.113.9", kept=kept, state="stopped")


TWO = (machine(10, "203.0.113.10"), machine(9, "203.0.113.9", kept=True))


@pytest.mark.parametrize(
    ("entry", "machines", "expected"),
    [
        (left(2, Via.PRIVATE), TWO, ("10.0.1.10", "10.0.1.9")),
        (left(2, Via.PUBLIC), TWO, ("203.0.113.10", "203.0.113.9")),
        (left(2, Via.ELASTIC), TWO, ()),
        (left(1, Via.ELASTIC), TWO[1:], ("203.0.113.9",)),
        (left(3, Via.PRIVATE), TWO, ()),
        (left(1, Via.PRIVATE), TWO, ()),
        (left(1, Via.PRIVATE), (machine(9, state="terminated"),), ()),
        (left(1, Via.PUBLIC), (stopped(kept=False),), ()),
        (left(1, Via.ELASTIC), (stopped(kept=True),), ("203.0.113.9",)),
        (Previous(OLD, NOW, ("10.0.1.9",)), TWO, ("10.0.1.9",)),
        (Previous(OLD, NOW, ("10.0.1.8", "10.0.1.9")), TWO, ()),
    ],
)
def test_all_are_described_or_none_is_known(
    entry: Previous, machines: tuple[Resource, ...], expected: tuple[str, ...]
) -> None:
    """A machine too few, or one without such an address: the set is unknown, and that is said."""
    assert addresses_of(entry, machines) == expected
    assert expected or lacks(entry, machines)


def _many(kinds: list[str]) -> list[Resource]:
    """A machine for each of these: without a public address, with one, with an elastic one."""
    return [
        machine(n, f"203.0.113.{n}" if kind else "", kept=kind == "elastic")
        for n, kind in enumerate(kinds, 1)
    ]


some_machines = st.lists(st.sampled_from(["", "public", "elastic"]), min_size=1, max_size=6).map(
    _many
)


@given(some_machines, st.sampled_from(list(Via)))
def test_what_is_written_down_is_found_again(found: list[Resource], via: Via) -> None:
    """Leaving the addresses out of the ledger loses nothing: describing gives them back."""
    at = addresses_of(left(len(found), via), found)
    if not at:
        return
    older = replace(CLEAN, previous=(Previous(OLD, NOW, at),))
    [entry] = without_addresses(older, {OLD: found}).previous
    assert entry.at == ()
    assert addresses_of(entry, found) == at


def test_an_address_that_no_via_describes_stays_as_text() -> None:
    """A record that holds a second address of its machine: only the text says which."""
    older = replace(CLEAN, previous=(Previous(OLD, NOW, ("10.0.2.9",)),))
    assert via_of(("10.0.2.9",), TWO[1:]) is None
    assert without_addresses(older, {OLD: TWO[1:]}) == older


def test_addresses_that_nobody_holds_any_more_were_public() -> None:
    """A stop and start changes no other: a rollback then finds the new ones."""
    older = replace(CLEAN, previous=(Previous(OLD, NOW, ("198.51.100.1", "198.51.100.2")),))
    [entry] = without_addresses(older, {OLD: TWO}).previous
    assert addresses_of(entry, TWO) == ("203.0.113.10", "203.0.113.9")
    [unseen] = without_addresses(older, {OLD: TWO[1:]}).previous
    assert unseen.at == ("198.51.100.1", "198.51.100.2")


def test_an_adopted_machine_is_named_where_its_address_goes() -> None:
    """Without its id a copy that has its tags would pass for it (rule 15)."""
    adopted = replace(machine(9), tags={ID: str(OLD), HOLD: HELD_BY_ADOPTION}, token="")
    older = replace(
        CLEAN, live=Live(LIVE, ("10.0.1.17",)), previous=(Previous(OLD, NOW, ("10.0.1.9",)),)
    )
    new = without_addresses(older, {OLD: (adopted,)})
    assert new.previous[0].ids == ("i-9",)
    assert new.live == older.live  # its machines were not described: nothing is guessed


def test_only_machines_that_are_proved_count() -> None:
    """A look-alike, or a machine that has ended, is none of the release's."""
    verdicts = [
        Verdict(machine(9), Role.PREVIOUS, ""),
        Verdict(machine(8), Reason.LOOK_ALIKE, ""),
        Verdict(machine(7, state="terminated"), Role.PREVIOUS, ""),
    ]
    assert machines_of(verdicts) == {OLD: [machine(9)]}


def root(record: tuple[str, ...], entry: Previous) -> Root:
    """The record as a person left it, and this previous deploy."""
    return Root(HOME, NOW, replace(CLEAN, previous=(entry,)), record)


LONG_AGO = NOW.replace(year=NOW.year - 1)
MOVED = ("198.51.100.7",)
ONE = replace(left(1, Via.PRIVATE), retired=LONG_AGO)
PUBLIC = replace(ONE, via=Via.PUBLIC)


@pytest.mark.parametrize(
    ("record", "entry", "there", "spared"),
    [
        (MOVED, ONE, (machine(9),), False),
        (MOVED, ONE, (), True),
        (MOVED, replace(ONE, count=2), (machine(9),), True),
        (MOVED, PUBLIC, (stopped(kept=False),), True),
        (MOVED, ONE, (replace(machine(9), token="copied"),), True),
        (MOVED, ONE, (replace(machine(9), tags={ID: str(OLD), LEDGER_TAG: "Z2/hers"}),), True),
        (MOVED, replace(ONE, at=MOVED, via=None), (), True),
        (("10.0.2.9",), ONE, (machine(9),), True),
        (("10.0.1.17",), ONE, (), False),
        ((), ONE, (), False),
    ],
)
def test_rule_9_unknown_addresses_may_stand_in_the_record(
    record: tuple[str, ...], entry: Previous, there: tuple[Resource, ...], *, spared: bool
) -> None:
    """A record that somebody moved may lead to whatever is not described: it is not forgotten."""
    found = may_stand_in_record(root(record, entry), there)
    assert (OLD in found) is spared
    over = SweepRequest(Retention(keep=0))
    assert (OLD in swaps(root(record, entry), over, spared=found).forget) is not spared
