"""What differs from the table of desired states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.gc.verdict import Role, Verdict
from reconciler.model.resource import DATABASE, MAKING
from reconciler.plan.deviation import deviation
from reconciler.plan.service_plan import OPEN, SHUT
from tests.support.shop_world import ALL, LIVE

LIVES = next(one for one in ALL if one.kind == DATABASE and one.deploy == LIVE)


@pytest.mark.parametrize(
    ("state", "said"), [(OPEN, ""), (SHUT, f"is {SHUT}, should be {OPEN}"), (MAKING, "")]
)
def test_a_database_in_creation_is_neither_opened_nor_shut(state: str, said: str) -> None:
    """It was left by a crash: an order to open it would make it look like one that serves."""
    assert deviation(Verdict(replace(LIVES, state=state), Role.LIVE, "live")) == said
