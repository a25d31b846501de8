"""Image hooks: what they stop on live has its end there before it begins (rule 17)."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployer.compute import ImageOrder
from deployer.release.live.image_hooks import HookNames, after_script, arm_script, before_script
from deployer.release.steps.image import image
from deployer.release.undo import undo
from reconciler.errors import CommandFailed, ToolError
from tests.fakes.scene import Scene
from tests.fakes.service_access import ToldMachine
from tests.support.shop_world import ALL, DEAD
from tests.unit.deployer.release.steps.test_safety import ME, begun

NAMES = HookNames(ME)
STATE = "/srv/state"
HOOKS: dict[str, Any] = {
    "before": [f"echo stopped >> {STATE}"],
    "after": [f"echo let go >> {STATE}"],
}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


@pytest.fixture
def live(scene: Scene) -> ToldMachine:
    """The machine that is cloned."""
    return scene.reach.machine("i-17")


def meanwhile(scene: Scene, act: Callable[[], object]) -> None:
    """Let this happen while CreateImage is under way."""
    create = scene.compute.create_image

    def slow(order: ImageOrder) -> str:
        act()
        return create(order)

    scene.compute.create_image = slow  # type: ignore[method-assign]


def states(live: ToldMachine) -> list[str]:
    """What the hooks did, in its order."""
    return live.read(STATE).splitlines()


def test_the_end_is_armed_before_anything_is_stopped(scene: Scene, live: ToldMachine) -> None:
    """The timer's script is whole when the first line of `before` runs."""
    before = [f"ls {live.root}/units > /srv/armed", *HOOKS["before"]]
    image(begun(scene, image={**HOOKS, "before": before}))
    assert f"{NAMES.unit}.timer.active" in live.read("/srv/armed")
    assert states(live) == ["stopped", "let go"]


def test_live_lets_itself_go_when_nobody_else_does(scene: Scene, live: ToldMachine) -> None:
    """The deployer is killed while CreateImage is under way: the timer runs `after`."""

    class Killed(BaseException):
        """What no handler sees: SIGKILL."""

    def killed() -> None:
        live.run = lambda *_: (_ for _ in ()).throw(Killed())  # type: ignore[method-assign]
        raise Killed

    meanwhile(scene, killed)
    with pytest.raises(Killed):
        image(begun(scene, image=HOOKS))
    assert states(live) == ["stopped"]
    live.fire()
    assert states(live) == ["stopped", "let go"]


def test_an_image_is_discarded_if_the_timer_was_quicker(scene: Scene, live: ToldMachine) -> None:
    """Live was not as `before` had left it: nothing is cloned from that; the undo removes it."""
    meanwhile(scene, live.fire)
    run = begun(scene, image=HOOKS)
    with pytest.raises(ToolError, match=r"max_stopped, 2m.* before CreateImage had answered"):
        image(run)
    assert states(live) == ["stopped", "let go"]
    undo(run, "the timer was quicker")
    assert scene.did(f"delete {run.created.image}")


def test_an_image_of_a_machine_that_restarted_is_discarded(scene: Scene, live: ToldMachine) -> None:
    """What was stopped runs again since then, and nobody knows since when; but not if asked for."""
    meanwhile(scene, live.boot)
    with pytest.raises(ToolError, match="restarted"):
        image(begun(scene, image=HOOKS))
    assert states(live)[-1] == "let go"


def test_a_restart_that_was_asked_for_is_none_of_that(scene: Scene, live: ToldMachine) -> None:
    """`no_reboot = false`: live is down while it is copied, and `after` runs when it is back."""
    meanwhile(scene, live.boot)
    run = begun(scene, image=HOOKS, instance={"no_reboot": False})
    assert image(run).endswith("rebooted")
    assert states(live)[-1] == "let go"


def test_nothing_is_stopped_after_a_restart(live: ToldMachine) -> None:
    """It takes the timer with it: a line of `before` that comes now would have no end."""
    live.sh(arm_script(NAMES, "true", 60))
    live.boot()
    failed = live.sh(before_script(NAMES, HOOKS["before"][0]))
    assert failed.returncode != 0
    assert not live.path(STATE).exists()


def test_nothing_is_stopped_where_nothing_can_be_armed(scene: Scene, live: ToldMachine) -> None:
    """Neither `before` nor `after` runs, and the error says what is missing."""
    live.write("/bin/systemd-run", "#!/bin/sh\nexit 127\n", 0o755)
    with pytest.raises(CommandFailed) as failed:
        image(begun(scene, image=HOOKS))
    assert "systemd-run" in failed.value.cure
    assert not live.path(STATE).exists()


def test_every_line_of_after_runs_though_one_fails(scene: Scene, live: ToldMachine) -> None:
    """The release fails, its timer stays, and tries the failed lines once more."""
    live.write("/srv/broken", "")
    after = ["test ! -e /srv/broken", *HOOKS["after"]]
    with pytest.raises(CommandFailed) as failed:
        image(begun(scene, image={**HOOKS, "after": after}))
    assert "its own timer within 2m" in failed.value.cure
    live.path("/srv/broken").unlink()
    live.fire()
    assert states(live) == ["stopped", "let go", "let go"]


def test_after_runs_once(live: ToldMachine) -> None:
    """The timer fires while we have run it, and have not stopped it yet."""
    live.sh(arm_script(NAMES, after_script(NAMES, (f"echo let go >> {STATE}",), 5), 60))
    for _ in range(2):
        assert live.sh(f"sh {NAMES.base}.sh").returncode == 0
    assert states(live) == ["let go"]


def test_a_line_that_hangs_is_ended_before_after_runs(live: ToldMachine) -> None:
    """It would stop live again when it goes on, and nobody would let it go a second time.

    As the session runs it: under `timeout`, which leads a process group, with nobody listening.
    """
    live.sh(arm_script(NAMES, after_script(NAMES, (f"echo let go >> {STATE}",), 5), 60))
    hangs = before_script(NAMES, f"echo began >> {STATE}; sleep 50; echo stopped >> {STATE}")
    rooted = hangs.replace("/run/", f"{live.root}/run/").replace("/srv/", f"{live.root}/srv/")
    with subprocess.Popen(["timeout", "-k", "10", "60", "sh", "-c", rooted]) as hanging:
        while not live.path(STATE).exists():
            threading.Event().wait(0.01)
        live.fire()
        assert hanging.wait(timeout=20) != 0
    assert states(live) == ["began", "let go"]


def test_no_line_begins_after_live_was_let_go(live: ToldMachine) -> None:
    """Between two lines of `before` the timer fires: the second one is refused."""
    live.sh(arm_script(NAMES, after_script(NAMES, (f"echo let go >> {STATE}",), 5), 60))
    live.fire()
    late = live.sh(before_script(NAMES, f"echo stopped >> {STATE}"))
    assert late.returncode == 75
    assert b"let live go already" in late.stderr
    assert states(live) == ["let go"]
