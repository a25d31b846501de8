"""What left is nobody's: no state of it deviates from a desired one."""

from __future__ import annotations

from dataclasses import replace

from reconciler.gc.verdict import Role, Verdict
from reconciler.model import tags as t
from reconciler.model.tags import Label
from reconciler.plan.deviation import deviation, is_stale
from tests.support.shop_world import ALL


def test_a_sweep_changes_nothing_of_what_left() -> None:
    """Neither its label nor the units that a machine was told to run."""
    machine = next(one for one in ALL if one.id == "i-17")
    odd = replace(machine, tags={**machine.tags, t.STATE: Label.PENDING.value, t.UNITS: "other"})
    assert deviation(Verdict(odd, Role.LIVE, ""))
    assert deviation(Verdict(odd, Role.LEFT, "")) == ""
    assert not is_stale(Verdict(odd, Role.LEFT, ""), "units")
