"""What `deployer doctor` says of traffic: who would change it back, and where it leads."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.commands.doctor.readings import ServiceReadings
from deployer.commands.doctor.service import traffic
from reconciler.errors import ToolError
from reconciler.model.tags import Label
from tests.fakes.scene import Scene
from tests.support.shop_world import LIVE, target_group
from tests.unit.reconciler.sweep.test_traffic import Behind

NEW = target_group(LIVE, Label.LIVE, 17)


def test_a_record_needs_no_look(scene: Scene) -> None:
    """It changes with the ledger."""
    assert traffic(ServiceReadings(scene.ports())) == "the record"


def test_the_routes_are_shown(tmp_path: Path) -> None:
    """With the group that gets requests."""
    shop = Behind(tmp_path, [(NEW, 1)])
    assert f"{NEW.id} 1" in traffic(ServiceReadings(shop.ports()))


def test_whoever_would_turn_it_back_is_named(tmp_path: Path) -> None:
    """A template owns the listener, as its tags say: a warning, with the command that shows it."""
    shop = Behind(tmp_path, [(NEW, 1)])
    shop.traffic.notes = ("the listener belongs to Terraform: its next change turns it back",)
    with pytest.raises(ToolError, match="belongs to Terraform") as warned:
        traffic(ServiceReadings(shop.ports()))
    assert warned.value.cure == "To see how it stands   deployer traffic shop"
