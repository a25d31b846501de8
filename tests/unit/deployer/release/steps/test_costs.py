"""A release says what it costs before it launches anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployer import events as e
from deployer.compute import Disk
from deployer.release.steps.image import image
from deployer.release.steps.launch import launch
from reconciler.errors import CloudError
from tests.fakes.scene import Scene
from tests.support.guarded import leased
from tests.support.shop_world import ALL, DEAD


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


def test_the_costs_are_said_before_a_machine_exists(scene: Scene) -> None:
    """Dollars a month of the new release, and what of live stays; also if the launch fails."""
    notes: list[str] = []
    run = replace(
        leased(scene),
        emit=lambda event: notes.append(event.text) if isinstance(event, e.StepNote) else None,
    )
    image(run)
    assert run.created.source is not None
    run.created.source = replace(run.created.source, disks=(Disk("/dev/xvda", 8),))
    notes.clear()

    def refused(_: object) -> tuple[str, ...]:
        raise CloudError("InsufficientInstanceCapacity")

    scene.compute.launch = refused  # type: ignore[assignment]
    with pytest.raises(CloudError):
        launch(run)
    new, kept = notes[:2]
    assert new.startswith("the new release: $")
    assert " a month ($" in new
    assert kept.startswith("for rollback: $")
    assert run.created.per_hour is not None
    assert f"(${run.created.per_hour:.4f}/h)" in new
