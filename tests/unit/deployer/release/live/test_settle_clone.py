"""A clone becomes a machine of its own: its first boot ends, its identity is new."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.release.live.settle_clone import settle
from reconciler.errors import CommandFailed, CommandTimedOut
from tests.fakes.scene import Scene
from tests.fakes.service_access import ToldMachine
from tests.support.guarded import leased

OLD = "0123456789abcdef0123456789abcdef\n"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop."""
    return Scene(tmp_path)


@pytest.fixture
def clone(scene: Scene) -> ToldMachine:
    """A machine with live's identity on its disk."""
    machine = scene.reach.machine("i-101")
    machine.write("/etc/machine-id", OLD)
    machine.path("/var/lib/dbus").mkdir(parents=True)
    machine.path("/var/lib/dbus/machine-id").symlink_to(machine.path("/etc/machine-id"))
    return machine


def test_it_gets_a_machine_id_of_its_own(scene: Scene, clone: ToldMachine) -> None:
    """Thirty-two digits, others each time; what links to it stays a link."""
    run, found = leased(scene), {OLD}
    for _ in range(2):
        settle(run, clone)
        found.add(clone.read("/etc/machine-id"))
        assert clone.path("/var/lib/dbus/machine-id").is_symlink()
    assert len(found) == 3
    assert {len(one) for one in found} == {33}


def test_what_is_configured_is_cleaned(scene: Scene, clone: ToldMachine) -> None:
    """After the machine id, in the order of the configuration; a failure ends the release."""
    clone.write("/var/lib/agent/id", "7\n")
    run = leased(scene, image={"clean": ["rm /var/lib/agent/id"]})
    settle(run, clone)
    assert not clone.path("/var/lib/agent/id").exists()
    with pytest.raises(CommandFailed, match="clean `rm /var/lib/agent/id`"):
        settle(run, clone)


def test_the_first_boot_is_waited_for(scene: Scene, clone: ToldMachine) -> None:
    """Said on the board; an error of it is said, and is no reason to stop: live has it, too."""
    clone.write(
        "/bin/cloud-init", "#!/bin/sh\n[ $2 = --wait ] && exit 1\necho status: error\n", 0o755
    )
    run = leased(scene)
    told: list[str] = []
    object.__setattr__(run, "emit", lambda event: told.append(getattr(event, "text", "")))
    settle(run, clone)
    assert told == [
        "waiting for cloud-init on 10.0.0.9 to be done",
        "cloud-init on 10.0.0.9: status: error",
    ]
    assert scene.did("wait for cloud-init") == ["wait for cloud-init on i-101"]


def test_a_first_boot_without_end_is_named(scene: Scene, clone: ToldMachine) -> None:
    """Before any command could meet its locks."""

    def hangs(act: str) -> None:
        if act.startswith("wait for cloud-init"):
            raise CommandTimedOut("wait for cloud-init was given up after 5m")

    scene.acts.then = hangs
    with pytest.raises(CommandTimedOut) as caught:
        settle(leased(scene), clone)
    assert "cloud-init status --long" in caught.value.cure
    assert "limits.boot" in caught.value.cure
    assert clone.read("/etc/machine-id") == OLD
