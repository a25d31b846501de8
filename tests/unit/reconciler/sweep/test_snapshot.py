"""What could not be read is a gap of the snapshot: unknown is not empty (rule 6)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import AccessDenied, CloudError, ToolError
from reconciler.model.coverage import ReadStatus
from reconciler.model.ledger import LedgerHome
from reconciler.ports.fleet import Fleet
from reconciler.sweep.snapshot import observe
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, CLEAN, PLACE

HOME = LedgerHome("shop.example.com", PLACE.account, PLACE.region)


@pytest.mark.parametrize(
    "error", [AccessDenied("ec2:DescribeTags is denied"), CloudError("ec2: no answer")]
)
def test_rule_6_a_region_that_cannot_be_listed_is_a_gap(tmp_path: Path, error: ToolError) -> None:
    """Nothing of it was seen, which is not: nothing is there."""
    scene = Scene(tmp_path, ALL, replace(CLEAN, home=HOME))
    scene.heap.failing["scan"] = error
    seen = observe(Fleet.of(scene.managed)).inventory
    assert [(gap.place, gap.kind, gap.reason) for gap in seen.gaps] == [
        (PLACE, "resource", error.message)
    ]
    assert ReadStatus.FAILED in {row.status for row in seen.reads}
    [service_plan] = scene.plan().services
    assert error.message in service_plan.problem
