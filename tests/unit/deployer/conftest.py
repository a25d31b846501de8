"""Fixtures of the deployer's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.scene import Scene
from tests.support.lease_ledger import Book
from tests.support.shop_world import ALL, DEAD


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Shop on fakes, clean: live v1.5.0 and one previous release."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


@pytest.fixture
def book() -> Iterator[Book]:
    """A clean ledger."""
    one = Book()
    yield one
    for lease in one.leases:
        lease.rest()
