"""Fixtures of the reconciler's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Shop on fakes: live, previous, and the things of a dead release."""
    return Scene(tmp_path)
