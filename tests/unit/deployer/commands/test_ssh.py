"""A person's session: on which machine, and with what exit code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployer.commands.ssh import ssh
from reconciler.errors import CannotConnect, Refused
from reconciler.model.resource import INSTANCE
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, LIVE, OLD


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop."""
    return Scene(tmp_path)


def test_the_live_machine_is_meant_and_the_code_passes(scene: Scene) -> None:
    """The command's own exit code; the session is closed."""
    assert ssh(scene.ports(), None, "", "exit 7") == 7
    assert ssh(scene.ports(), OLD, "", "") == 0
    assert scene.reach.attended == ["i-17: exit 7", "i-17: closed", "i-9: ", "i-9: closed"]


def test_several_machines_are_listed(tmp_path: Path) -> None:
    """Which one is meant has to be said."""
    [machine] = [one for one in ALL if one.deploy == LIVE and one.kind == INSTANCE]
    second = replace(machine, id="i-18", addresses=("10.0.1.18",))
    scene = Scene(tmp_path, [*ALL, second])
    with pytest.raises(Refused, match="2 machines") as refused:
        ssh(scene.ports(), LIVE, "", "true")
    assert "i-17" in refused.value.detail
    assert "i-18" in refused.value.detail
    assert "--machine i-17" in refused.value.cure
    assert ssh(scene.ports(), LIVE, "i-18", "exit 3") == 3
    with pytest.raises(Refused, match="no running machine"):
        ssh(scene.ports(), LIVE, "i-9", "true")


def test_who_cannot_be_reached_says_why(scene: Scene) -> None:
    """The error of the way itself: a wrong host key is not worked around."""
    scene.reach.down["i-17"] = CannotConnect("not the machine we know", kind="host-key-mismatch")
    with pytest.raises(CannotConnect, match="not the machine we know"):
        ssh(scene.ports(), None, "", "true")
