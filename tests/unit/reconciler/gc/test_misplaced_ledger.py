"""Rule 12: a ledger, or its configuration, that belongs elsewhere makes its service unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.gc.misplaced_ledger import in_sight, of_a_restored_zone
from reconciler.model import tags as t
from reconciler.model.ledger import LedgerHome
from reconciler.model.resource import DATABASE, Inventory, Resource
from tests.support.shop_world import ALL, CLEAN, DEAD, HOME, LEDGER, LIVE, OLD, root

OLDER = replace(root(CLEAN), ledger=replace(CLEAN, home=None))
"""A ledger from before ledgers named their home."""


def inventory(*unseen: object) -> Inventory:
    """The small world without these deploys' resources."""
    return Inventory(tuple(one for one in ALL if one.deploy not in unseen))


def test_an_older_ledger_with_nothing_in_sight_is_unknown() -> None:
    """The region of the configuration is another: what is here may be in use from there."""
    found = in_sight(OLDER, inventory(*CLEAN.rooted))
    assert "nothing that the ledger names is in 123456789012/eu-west-1" in found.problem
    assert "deployer recover shop" in found.cure


@pytest.mark.parametrize("unseen", [(), (LIVE,), (OLD,)])
def test_one_thing_of_it_in_sight_is_enough(unseen: tuple[object, ...]) -> None:
    """Also where live is lost, and only a previous deploy is here."""
    assert in_sight(OLDER, inventory(*unseen)) == OLDER


def test_a_database_shows_no_place() -> None:
    """One server serves many regions."""
    databases = tuple(one for one in ALL if one.kind == DATABASE)
    assert in_sight(OLDER, Inventory(databases)).problem


def test_a_ledger_that_names_its_home_needs_no_sight() -> None:
    """It is compared with the configuration when it is read."""
    home = LedgerHome("shop.example.com", "123456789012", "eu-west-1")
    known = replace(OLDER, ledger=replace(CLEAN, home=home))
    assert in_sight(known, inventory(*CLEAN.rooted)) == known


def _tagged(zone: str) -> tuple[Resource, ...]:
    ledger = f"{zone}/{LEDGER.partition('/')[2]}"
    return tuple(
        replace(one, tags={**one.tags, t.LEDGER: ledger}) if one.deploy == DEAD else one
        for one in ALL
    )


def test_tags_that_name_the_ledger_in_another_zone_tell_of_a_restored_one() -> None:
    """Name and service are the same, the zone's id is not: two ledgers, or one made anew."""
    problem = of_a_restored_zone(HOME, Inventory(_tagged("Z9")))
    assert "names the ledger in hosted zone Z9, but the zone is Z1 now" in problem
    assert of_a_restored_zone(HOME, Inventory(ALL)) == ""


def test_a_zone_that_the_ledger_has_left_is_no_restored_one() -> None:
    """`deployer move` wrote down where it was."""
    moved = replace(HOME, was=(f"Z9/{LEDGER.partition('/')[2]}",))
    assert of_a_restored_zone(moved, Inventory(_tagged("Z9"))) == ""
