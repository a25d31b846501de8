"""Fixtures of the attacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.scene import Scene
from tests.fakes.service_access import ToldMachine
from tests.support.shop_world import ALL, DEAD


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Shop on fakes, clean: live v1.5.0 on i-17 and one previous release on i-9."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


@pytest.fixture
def live(scene: Scene) -> ToldMachine:
    """The machine that is cloned."""
    return scene.reach.machine("i-17")
