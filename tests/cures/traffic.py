"""A service behind a load balancer, or with an Elastic IP: traffic that people have moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reconciler.model.ledger import Lease
from reconciler.model.tags import Label
from tests.cures.case import Case
from tests.cures.desk import Desk
from tests.cures.lease import RUNS
from tests.support.shop_world import CLEAN, DEAD, LIVE, OLD, target_group
from tests.unit.reconciler.sweep.test_traffic import OURS, Behind

NEW, OLDER = target_group(LIVE, Label.LIVE, 17), target_group(OLD, Label.LIVE, 9)
FOLLOW = "deployer traffic shop --follow"


def behind(new: int, old: int) -> Callable[[Desk], None]:
    """Behind a load balancer, with these weights."""

    def bring(desk: Desk) -> None:
        desk.scene = Behind(desk.root / "behind", [(OLDER, old), (NEW, new)], resources=OURS)

    return bring


def moved_at_work(desk: Desk) -> None:
    """People have moved it, and a release is at work."""
    behind(0, 1)(desk)
    desk.scene.ledger = replace(CLEAN, lease=Lease(DEAD, RUNS, "launch"))


def over(desk: Desk) -> None:
    """It has ended."""
    desk.scene.ledger = CLEAN


MOVED = behind(0, 1)
CASES = (
    Case("deployer/cli/traffic.py::_lines", MOVED, "deployer traffic shop", FOLLOW),
    Case("deployer/commands/traffic.py::follow", moved_at_work, FOLLOW, FOLLOW, over),
    Case("reconciler/gc/mark.py::_settled", MOVED, "deployer up shop", FOLLOW),
)
