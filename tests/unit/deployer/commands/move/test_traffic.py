"""Move: a service that was led to by its record goes behind a load balancer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployer.commands.move.command import Move, move
from reconciler.errors import Refused
from reconciler.model import tags as t
from reconciler.model.ledger import LedgerHome
from reconciler.model.resource import TARGET_GROUP, Resource
from tests.support.shop_world import CLEAN, LISTENER, LIVE, OLD, PLACE
from tests.unit.reconciler.sweep.test_traffic import Behind

HAND = Resource(TARGET_GROUP, "targetgroup/hand/1", PLACE, name="hand", uses=("i-17",))


def yes(_: Move) -> bool:
    """A person who has looked."""
    return True


def behind(root: Path, group: Resource, at: tuple[str, ...] = ("10.0.1.17",)) -> Behind:
    """Configured behind a listener; the ledger still says that the record leads to live."""
    home = LedgerHome("shop.example.com", PLACE.account, PLACE.region)
    assert CLEAN.live is not None
    ledger = replace(CLEAN, home=home, live=replace(CLEAN.live, at=at))
    return Behind(root, [(group, 1)], ledger=ledger)


def test_the_ledger_names_the_listener_and_the_group_is_live_s(tmp_path: Path) -> None:
    """The record is not touched: whatever it says leads to the load balancer."""
    shop = behind(tmp_path, HAND)
    move(shop.ports(), yes)
    assert shop.ledger.home is not None
    assert shop.ledger.home.traffic == (LISTENER,)
    tags = shop.heap.at(HAND.id).tags
    assert (tags[t.ID], tags[t.LISTENER], tags[t.HOLD]) == (str(LIVE), LISTENER, t.HELD_BY_ADOPTION)


def test_public_addresses_in_the_ledger_are_those_of_the_targets(tmp_path: Path) -> None:
    """A load balancer reaches its machines at private ones, whatever the record named."""
    shop = behind(tmp_path, HAND, ("198.51.100.7",))
    shop.heap.change("i-17", addresses=("10.0.1.17", "198.51.100.7"), public=("198.51.100.7",))
    move(shop.ports(), yes)
    assert shop.ledger.home is not None
    assert shop.ledger.home.traffic == (LISTENER,)


@pytest.mark.parametrize(
    "group",
    [replace(HAND, tags={t.ID: str(OLD)}), replace(HAND, uses=("i-9",))],
    ids=["of another deploy", "leads elsewhere"],
)
def test_nothing_is_written_until_clients_are_led_to_live(tmp_path: Path, group: Resource) -> None:
    """Refused in words, before the ledger is changed."""
    shop = behind(tmp_path, group)
    before = shop.ledger
    with pytest.raises(Refused):
        move(shop.ports(), yes)
    assert shop.ledger == before
    assert not shop.did("swap")
