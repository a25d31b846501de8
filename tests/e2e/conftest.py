"""A company whose service answers quickly, and one that has adopted it."""

from __future__ import annotations

import pytest

from deployer.sandbox.client import Sandbox
from deployer.sandbox.faults import FaultClient
from tests.company import Company

BUSY = 600
"""Seconds that a test may take: several releases, on a computer that has other things to do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several releases take longer than the ordinary limit where the cores are shared."""
    for item in items:
        if "tests/e2e" in item.path.as_posix() and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(BUSY))


@pytest.fixture
def company(sandbox: Sandbox) -> Company:
    """The company on its first day; its smoke test looks five times a second, for five seconds."""
    one = Company(sandbox)
    one.configure("^tries  = 5", "tries  = 25")
    one.configure('^every  = "1s"', 'every  = "200ms"')
    return one


@pytest.fixture
def adopted(company: Company) -> Company:
    """The company with its live v1 under a ledger."""
    company.adopt()
    return company


@pytest.fixture
def faults(company: Company) -> FaultClient:
    """The cloud's bad days."""
    return FaultClient(company.sandbox.endpoint)
