"""By which address a machine is found after its traffic changed its kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.commands.move.traffic_kind import as_traffic_finds_it, found_alike
from reconciler.model.ledger import Live, Previous, Via
from reconciler.model.reading import ARecord, LedgerAddress, Reading
from reconciler.model.resource import INSTANCE, Resource
from reconciler.model.tags import HOLD
from tests.support.shop_world import ALL, CLEAN, LIVE, NOW, OLD

ELASTIC, PRIVATE = "203.0.113.7", "10.0.1.17"
ADDRESS = LedgerAddress("shop", "Z1", "example.com", "shop.example.com")
(MACHINE,) = (
    replace(one, addresses=(PRIVATE, ELASTIC), public=(ELASTIC,), elastic=(ELASTIC,))
    for one in ALL
    if one.kind == INSTANCE and one.deploy == LIVE
)
BY_ELASTIC = Live(LIVE, (ELASTIC,), via=Via.ELASTIC)
BY_PRIVATE = Live(LIVE, (PRIVATE,), via=Via.PRIVATE)


def leads_to(*addresses: str) -> Reading:
    """Traffic of the new kind leads to these addresses."""
    return Reading(ADDRESS, NOW, a=ARecord(60, addresses) if addresses else None)


def test_it_is_the_same_machine_by_another_address() -> None:
    """There and back."""
    assert as_traffic_finds_it(leads_to(PRIVATE), BY_ELASTIC, (MACHINE,)) == BY_PRIVATE
    assert as_traffic_finds_it(leads_to(ELASTIC), BY_PRIVATE, (MACHINE,)) == BY_ELASTIC


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (("10.0.1.99",), (MACHINE,)),
        ((), (MACHINE,)),
        ((PRIVATE,), (MACHINE, replace(MACHINE, id="i-copy", tags={**MACHINE.tags, HOLD: ""}))),
        ((PRIVATE,), ()),
    ],
    ids=["a stranger's", "nobody", "a second machine", "no machine"],
)
def test_what_is_not_one_of_each_of_lives_machines_changes_nothing(
    at: tuple[str, ...], found: tuple[Resource, ...]
) -> None:
    """Then the move is refused, since the ledger and traffic do not agree."""
    assert as_traffic_finds_it(leads_to(*at), BY_ELASTIC, found) == BY_ELASTIC


@pytest.mark.parametrize(
    ("live", "via"), [(BY_PRIVATE, Via.PRIVATE), (BY_ELASTIC, Via.PUBLIC)], ids=["there", "back"]
)
def test_previous_releases_are_found_alike(live: Live, via: Via) -> None:
    """A rollback gives the record no address that clients cannot reach, and no Elastic IP."""
    entry = Previous(OLD, NOW, (), count=1, via=Via.ELASTIC)
    older = Previous(OLD, NOW, ("10.0.1.9",))
    ledger = replace(CLEAN, previous=(entry, older))
    assert found_alike(live, ledger).previous == (replace(entry, via=via), older)
