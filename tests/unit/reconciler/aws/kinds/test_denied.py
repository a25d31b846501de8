"""What a sweep may not look at or delete, action by action, with a thing of every kind there.

`make denied` runs this: what an ordinary release never asks for. What it does ask for is withheld
in tests/crash/test_denied.py, through the whole of the product.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.aws.iam.actions import DELETE, DESCRIBE, LIFT
from reconciler.model.resource import INSTANCE
from reconciler.sweep.result import SweepResult
from tests.support.aws_api import Api
from tests.support.unseen_actions import UNSEEN
from tests.unit.reconciler.sweep.test_every_kind import World

pytestmark = pytest.mark.denied

LABEL = "rds:AddTagsToResource"
NOT_MET = {
    "ec2:DeleteNetworkInterface": "it goes with its machine",
    "ec2:DeleteVolume": "it goes with its machine",
    "ec2:DetachNetworkInterface": "nobody attached one by hand",
    "ec2:DescribeRegions": "asked before a sweep: wiring/test_fleet_builder.py",
    "ec2:GetConsoleOutput": "asked by a release: tests/unit/deployer/aws/test_compute.py",
    "ec2:RevokeSecurityGroupEgress": "only of a rule outwards that names another group",
    "iam:PassRole": "no call of its own",
    "pricing:GetProducts": "asked by no sweep: tests/unit/reconciler/aws/test_pricing.py",
    "sts:AssumeRole": "asked before a sweep: wiring/test_fleet_builder.py",
    LABEL: "asked where something of RDS is to be labelled",
}
"""Seldom asked for, and not by this sweep."""

ASKED = sorted({*DESCRIBE, *DELETE, *UNSEEN} - NOT_MET.keys() - {*LIFT})


@pytest.fixture
def world(api: Api, tmp_path: Path) -> World:
    """One dead thing of every kind, one live."""
    return World(api, tmp_path)


def said(result: SweepResult) -> str:
    """All that a sweep says about what it could not do."""
    gaps = [one.reason for one in result.gaps]
    unknown = [one.problem for one in result.left.services]
    return "\n".join([*gaps, *unknown, *result.trouble, *(one.text for one in result.outcomes)])


def withhold(world: World, action: str) -> None:
    """A sweep without the permission names it; the next one, with it, leaves what is live alone."""
    code = "AccessDenied" if action.startswith("rds") else "UnauthorizedOperation"
    world.api.fault(action, "error", times=0, code=code, status=403)
    result = world.sweep()
    assert not result.clean
    assert f"{action} is denied" in said(result)
    world.api.server.faults.clear()
    assert world.sweep().clean
    assert set(world.reasons()) == world.live.every


@pytest.mark.parametrize("action", ASKED)
def test_a_sweep_that_may_not(world: World, action: str) -> None:
    """The permission is named, nothing live is touched; with it, the next sweep ends the work."""
    withhold(world, action)


@pytest.mark.parametrize("action", LIFT)
def test_a_sweep_that_may_not_lift(world: World, action: str) -> None:
    """Configured to lift protection and not permitted: the thing stays, and the words say why."""
    world.protect_the_dead()
    world.lift_protection()
    withhold(world, action)


def test_a_label_on_rds_that_may_not_be_written(world: World) -> None:
    """A live deploy's RDS instance is labelled wrongly: said, and mended once it may be."""
    name = world.live.birth.deploy.rds_identifier
    arn = f"arn:aws:rds:eu-west-1:123456789012:db:{name}"
    pending = [{"Key": "deploy-state", "Value": "pending"}]
    world.live.rds.add_tags_to_resource(ResourceName=arn, Tags=pending)
    world.api.fault(LABEL, "error", times=0, code="AccessDenied", status=403)
    result = world.sweep()
    assert not result.clean
    assert f"{LABEL} is denied" in said(result)
    assert world.live.ids[INSTANCE][0] in world.reasons()
    world.api.server.faults.clear()
    assert world.sweep().clean
