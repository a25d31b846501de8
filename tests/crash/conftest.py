"""The shop under a ledger, serving, with a good release at hand: where every crash begins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deployer.sandbox.client import Sandbox
from tests.crash.scene import Shop


@pytest.fixture
def shop(sandbox: Sandbox) -> Iterator[Shop]:
    """The company's shop, adopted, asked often and for long whether it is well."""
    one = Shop(sandbox)
    one.configure(r"^tries  = 5$", "tries  = 100")
    one.configure(r'^every  = "1s"$', 'every  = "200ms"')
    one.adopt()
    yield one
    one.faults.clear()
