"""Real machines for the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.sandbox.machines import Machines
from reconciler.errors import Refused
from tests.sandbox.machines.lab import BASE, Client, Key, Lab


@pytest.fixture(scope="session")
def key() -> Key:
    """The client's key."""
    return Key.make()


@pytest.fixture(scope="session")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """One host of machines for the whole session."""
    os.environ["SANDBOX_TEST_SECRET"] = "never-in-a-machine"
    try:
        host = Machines(tmp_path_factory.mktemp("machines"))
    except Refused as refusal:
        pytest.skip(f"{refusal.message}; {refusal.cure}")
    host.create_base_image(BASE)
    yield host
    host.shutdown()


@pytest.fixture
def lab(machines: Machines, key: Key) -> Iterator[Lab]:
    """Machines for one test."""
    made = Lab(machines, key)
    yield made
    made.end()


@pytest.fixture
def client(lab: Lab) -> Client:
    """A session with a fresh machine."""
    return lab.connect(lab.boot())


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory for a host of machines of one's own."""
    return tmp_path / "own"
