"""A company whose service answers quickly, and one that has adopted it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.faults import FaultClient
from tests.crash.invariants import Shop
from tests.crash.unchanged_service import Grounds
from tests.e2e.balanced import box, shop, unadopted
from tests.support.adoption import adopt
from tests.support.company import Company
from tests.support.warm_company import WarmCompany

__all__ = ["box", "shop", "unadopted"]
"""The fixtures of `tests.e2e.balanced`, for every test here."""

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
    return _impatient(WarmCompany(sandbox))


@pytest.fixture
def cold_company(sandbox: Sandbox) -> Company:
    """The same, but with the installed commands, each in a Python of its own."""
    return _impatient(Company(sandbox))


def _impatient(one: Company) -> Company:
    one.look_often(25)
    return one


@pytest.fixture
def cold(cold_company: Company) -> Company:
    """The company with its live v1 under a ledger, by the installed commands."""
    cold_company.adopt()
    return cold_company


@pytest.fixture
def adopted(company: Company) -> Company:
    """The company with its live v1 under a ledger."""
    adopt(company)
    return company


@pytest.fixture
def faults(company: Company) -> FaultClient:
    """The cloud's bad days."""
    return company.sandbox.faults()


@pytest.fixture(scope="module")
def grounds(running_sandbox: Sandbox) -> Grounds:
    """Adopted once for the module."""
    return Grounds(running_sandbox)


@pytest.fixture
def adopted_shop(grounds: Grounds) -> Iterator[Shop]:
    """The shop under a ledger; its configuration is put back."""
    shop = grounds.ready()
    text = shop.service_file().read_text()
    try:
        yield shop
    finally:
        shop.service_file().write_text(text)
