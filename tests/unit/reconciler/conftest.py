"""Fixtures of the reconciler's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.aws.route53.ledger_store import Route53Ledgers
from reconciler.util.backoff import Backoff
from tests.fakes.route53 import FakeAws, FakeRoute53
from tests.fakes.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Shop on fakes: live, previous, and the things of a dead release."""
    return Scene(tmp_path)


@pytest.fixture
def fake() -> FakeRoute53:
    """An empty zone."""
    return FakeRoute53()


@pytest.fixture
def ledgers(fake: FakeRoute53) -> Route53Ledgers:
    """Ledgers in that zone, in a hurry."""
    backoff = Backoff(first=0.001, longest=0.002, deadline=0.1)
    return Route53Ledgers(FakeAws(fake), backoff)  # type: ignore[arg-type]
