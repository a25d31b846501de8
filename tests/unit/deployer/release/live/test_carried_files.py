"""What a release asks of live before it carries its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployer.checks.service_state import survey
from deployer.release.context import NewMachine, ReleaseContext
from deployer.release.live.carried_files import first_pass, refuse_files
from reconciler.errors import Refused
from reconciler.model.resource import INSTANCE
from tests.fakes.machine import FakeMachine
from tests.fakes.scene import CONFIGURED, Scene
from tests.support.guarded import leased
from tests.support.shop_world import ALL, LIVE

CARRY: dict[str, Any] = {
    "files": "carry",
    "carry": ["/srv/shop/photos"],
    "database": {**CONFIGURED["database"], "copy": "always"},
}


def test_files_of_a_stopped_machine_of_live_are_not_left_out(tmp_path: Path) -> None:
    """The image is of one machine; what the other has, which cannot be read, would be lost."""
    scene = Scene(tmp_path, ALL)
    ports = scene.ports(**CARRY)
    state = survey(ports)
    live = next(
        one
        for one in state.service_plan.verdicts
        if one.resource.kind == INSTANCE and one.deploy == LIVE
    )
    other = replace(live, resource=replace(live.resource, id="i-18", state="stopped"))
    plan = replace(state.service_plan, verdicts=(other, *state.service_plan.verdicts))
    with pytest.raises(Refused, match=r"the files of i-18.* cannot be read: it is stopped"):
        refuse_files(ports, plan)


def mounted(machine: FakeMachine, at: str) -> None:
    """Whatever is asked about is on the volume that is mounted there."""
    text = f"Filesystem 1K Used Free Use% On\n/dev/nvme1n1 9000000 1 8000000 1% {at}"
    machine.write("/bin/df", f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n", 0o755)
    machine.path("/srv/shop/photos").mkdir(parents=True, exist_ok=True)


def carrying(tmp_path: Path, on_live: str, on_clone: str, **instance: str) -> ReleaseContext:
    """A release at its first pass, with the folder on these mounts."""
    scene = Scene(tmp_path, ALL)
    run = leased(scene, **CARRY, instance=instance)
    live, clone = scene.reach.machine("i-17"), scene.reach.machine("i-101")
    mounted(live, on_live)
    mounted(clone, on_clone)
    live.write("/srv/shop/photos/1.jpg", "one")
    run.created.machines = (NewMachine("i-101", "10.0.2.101", clone),)
    return run


def test_files_of_a_volume_that_a_clone_has_not_mounted_are_refused(tmp_path: Path) -> None:
    """They would fill the root disk, and be hidden by the next boot that mounts the volume."""
    run = carrying(tmp_path, "/srv", "/")
    with pytest.raises(
        Refused, match=r"at /srv on live, and on the one mounted at / on i-101:"
    ) as caught:
        first_pass(run)
    assert "fstab" in caught.value.cure
    assert not list(run.created.machines[0].shell.path("/srv/shop/photos").iterdir())  # type: ignore[attr-defined]


def test_the_same_mount_carries(tmp_path: Path) -> None:
    """Root or not: what counts is that both have the folder on the same one."""
    for number, at in enumerate(("/", "/srv")):
        run = carrying(tmp_path / str(number), at, at)
        first_pass(run)
        assert run.created.machines[0].shell.read("/srv/shop/photos/1.jpg") == "one"  # type: ignore[attr-defined]


def test_a_base_image_has_disks_of_its_own(tmp_path: Path) -> None:
    """It is no copy of live's: where its folder is, is its maker's choice."""
    run = carrying(tmp_path, "/srv", "/", image_from="base", image="ami-0b")
    first_pass(run)
    assert run.created.machines[0].shell.read("/srv/shop/photos/1.jpg") == "one"  # type: ignore[attr-defined]
