"""What the guard refuses though nothing is left over: a dead lease, another ledger's record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import Refused
from reconciler.model.ledger import LedgerHome
from reconciler.model.ledger_codec import encode
from tests.fakes.scene import Scene
from tests.support.guarded import guarded
from tests.support.shop_world import CLEAN, DIED, PLACE


def test_a_dead_releases_lease_alone_is_not_clean(scene: Scene) -> None:
    """It made nothing that can be seen; what it asked for may still arrive until it is ended."""
    scene.ledger = DIED
    with pytest.raises(Refused, match="its lease ran out"):
        guarded(scene)


def test_rule_12_a_first_release_takes_no_record_of_another_ledger(tmp_path: Path) -> None:
    """A ledger of the zone names that record, which has no address just now."""
    scene = Scene(tmp_path, ())
    scene.ledgers.zone.texts.clear()
    scene.ledgers.point(scene.address)
    home = LedgerHome("shop.example.com", PLACE.account, PLACE.region)
    text = encode(replace(CLEAN, home=home)).replace("shop/", "blog/")
    scene.ledgers.zone.texts["blog._deploy.example.com"] = (text, 60)
    with pytest.raises(Refused, match="belongs to the ledger blog"):
        guarded(scene, instance={"image": "ami-0b1", "subnets": ["subnet-1"]})
