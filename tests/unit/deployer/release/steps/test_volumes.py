"""Further volumes and encrypted disks of live: what a clone gets of them, and what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer import events as e
from deployer.compute import Disk
from deployer.release.context import ReleaseInputs, ReleaseOptions
from deployer.release.inferred_settings import shape
from deployer.release.preview import preview
from deployer.release.steps.guard import guard
from deployer.release.steps.image import image, live_machine
from deployer.release.steps.launch import launch
from reconciler.errors import CloudError, ConfigError
from tests.fakes.scene import Scene
from tests.support.guarded import leased
from tests.support.shop_world import ALL, DEAD

KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a1b"
DISKS = (Disk("/dev/xvda", 8, key=KEY), Disk("/dev/sdf", 500))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean, whose machine has a second volume."""
    scene = Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])
    scene.compute.disks = DISKS
    return scene


def told(scene: Scene, volumes: dict[str, str]) -> list[str]:
    """The warnings of a release that begins."""
    warned: list[str] = []
    run = ReleaseInputs(
        scene.ports(instance={"volumes": volumes}),
        ReleaseOptions(),
        lambda event: warned.append(event.text) if isinstance(event, e.Warned) else None,
    )
    guard(run)
    return warned


def test_a_second_volume_is_said_with_its_price(scene: Scene) -> None:
    """By `up` and `plan`, until somebody has decided about it."""
    [said] = told(scene, {})
    assert said.startswith("/dev/sdf of i-17 (500 GB, $44.00 a month) is copied with each release")
    assert said in preview(scene.ports()).notes
    assert told(scene, {"/dev/sdf": "copy"}) == told(scene, {"/dev/sdf": "skip"}) == []


@pytest.mark.parametrize(("word", "skip"), [("copy", ()), ("skip", ("/dev/sdf",))])
def test_a_volume_that_is_skipped_is_in_no_image(
    scene: Scene, word: str, skip: tuple[str, ...]
) -> None:
    """Nor in the order to launch."""
    run = leased(scene, instance={"volumes": {"/dev/sdf": word}})
    image(run)
    assert [order.skip for order in scene.compute.orders] == [skip]
    live = live_machine(run.ports, run.start.reading.ledger)
    devices = {disk.device for disk in shape(run.ports.service, live, ()).disks}
    assert devices == {disk.device for disk in DISKS} - set(skip)


@pytest.mark.parametrize("device", ["/dev/xvda", "/dev/sdz"])
def test_what_cannot_be_left_out_is_refused_before_anything_is_made(
    scene: Scene, device: str
) -> None:
    """The root, and what is not there: a word that would change nothing is a mistake."""
    with pytest.raises(ConfigError, match="can be cloned without /dev/sdf"):
        told(scene, {device: "skip"})
    assert scene.compute.orders == []


def test_a_key_that_ec2_may_not_use_is_named(scene: Scene) -> None:
    """EC2 says Client.InternalError and no more; the key and what its policy lacks are known."""
    scene.compute.ends = "Client.InternalError: Client error on launch"
    run: Any = leased(scene)
    image(run)
    with pytest.raises(CloudError, match="could not use the key of an encrypted disk") as caught:
        launch(run)
    assert KEY in caught.value.message
    assert "kms:CreateGrant" in caught.value.cure
