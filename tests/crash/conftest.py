"""The shop under a ledger, serving, with a good release at hand: where every crash begins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deployer.sandbox.control.client import Sandbox
from tests.crash.invariants import Shop
from tests.crash.matrix.stage import Stage, staged
from tests.crash.unchanged_service import Grounds
from tests.support.adoption import adopt


@pytest.fixture(scope="module")
def grounds(running_sandbox: Sandbox) -> Grounds:
    """The company, adopted once for a module."""
    return Grounds(running_sandbox)


@pytest.fixture
def calm(grounds: Grounds) -> Iterator[Shop]:
    """The shop, adopted, of a module whose tests leave it as it was; one that did not costs time.

    Its configuration may be changed, faults may be set: both are put back.
    """
    shop = grounds.ready()
    whole = shop.service_file().read_text()
    yield shop
    shop.faults.clear()
    shop.service_file().write_text(whole)


@pytest.fixture
def shop(sandbox: Sandbox) -> Iterator[Shop]:
    """The company's shop, adopted, asked often and for long whether it is well."""
    one = Shop(sandbox)
    one.look_often(100)
    adopt(one)
    yield one
    one.faults.clear()


@pytest.fixture(scope="session")
def _one_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage") / "box") as one:
        yield one


@pytest.fixture
def stage(_one_stage: Stage) -> Iterator[Stage]:
    """The worker's sandbox with doors; whoever plays on it sets it up."""
    _one_stage.spoilt = True
    yield _one_stage
    _one_stage.aws_door.strict_clock = False
    _one_stage.faults.clear()
