"""A desk for each test: both command lines over fakes, and the shop clean."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cures.desk import Desk
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, DEAD


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    """Somebody at a terminal; live v1.5.0 and one previous release, whose writes are counted."""
    scene = Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])
    return Desk(scene, tmp_path, monkeypatch, capsys)
