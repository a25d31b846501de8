"""Attacks on what is done to live: image hooks, and signals (docs/attacks-live.md, 1–8, 14)."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from typing import Any

import pytest

from deployer.compute import ImageOrder
from deployer.release.live.image_hooks import (
    HookNames,
    after_script,
    arm_script,
    before_script,
    end_script,
)
from deployer.release.steps.image import image
from deployer.release.undo import undo
from reconciler.errors import CannotConnect, CommandFailed, ConnectionLost, ToolError
from reconciler.model.resource import Resource
from tests.fakes.machine import clone_of
from tests.fakes.scene import Scene
from tests.fakes.service_access import ToldMachine
from tests.support.shop_world import DEAD
from tests.unit.deployer.release.steps.test_safety import ME, begun

NAMES = HookNames(ME)
OTHER = HookNames(DEAD)
STATE = "/srv/state"
HOOKS: dict[str, Any] = {
    "before": [f"echo stopped >> {STATE}"],
    "after": [f"echo let go >> {STATE}"],
}


def armed(live: ToldMachine, names: HookNames, line: str) -> str:
    """Arm the end of a deploy on live; returns its `after`."""
    after = after_script(names, (line,), 5)
    assert live.sh(arm_script(names, after, 60)).returncode == 0
    return after


def states(live: ToldMachine) -> list[str]:
    """What the hooks did, in its order."""
    return live.read(STATE).splitlines()


def meanwhile(scene: Scene, act: Callable[[], object]) -> None:
    """Let this happen while CreateImage is under way."""
    create = scene.compute.create_image

    def slow(order: ImageOrder) -> str:
        act()
        return create(order)

    scene.compute.create_image = slow  # type: ignore[method-assign]


def test_1_a_line_that_comes_after_the_end_does_nothing(live: ToldMachine) -> None:
    """The session stalls with a line on its way; another session ends all; then the line arrives.

    Its end has been removed, timer and all: what it stopped would stay stopped for ever.
    """
    after = armed(live, NAMES, HOOKS["after"][0])
    assert live.sh(end_script(NAMES, after)).stdout.strip() == b"armed"
    late = live.sh(before_script(NAMES, HOOKS["before"][0]))
    assert late.returncode != 0
    assert states(live) == ["let go"]


def test_2_an_end_that_failed_is_never_called_clean(scene: Scene, live: ToldMachine) -> None:
    """`after` is wrong: live is still stopped, and the release's last word must not be `clean`."""
    run = begun(scene, image={**HOOKS, "after": ["exit 3"]})
    with pytest.raises(CommandFailed) as failed:
        image(run)
    left = undo(run, str(failed.value)).left
    assert any("i-17" in one and "may be stopped" in one for one in left), left
    assert states(live) == ["stopped"]


def test_2_the_next_release_lets_live_go_first(scene: Scene, live: ToldMachine) -> None:
    """The end of a release that died still fails: refused, before live is stopped once more."""
    armed(live, OTHER, "exit 3")
    with pytest.raises(CommandFailed) as failed:
        image(begun(scene, image=HOOKS))
    assert f"{OTHER.unit}.sh fails" in failed.value.detail
    assert "earlier release" in failed.value.cure
    assert not live.path(STATE).exists()


def test_3_no_timer_is_promised_to_a_machine_that_restarts(scene: Scene, live: ToldMachine) -> None:
    """`before` makes live reboot: its timer is gone, and it is not reached while it boots."""

    def reboot() -> None:
        live.boot()
        live.close()
        down = CannotConnect("10.0.1.17 refuses connections", kind="refused")
        scene.reach.down["i-17"] = down
        live.run = lambda *_: (_ for _ in ()).throw(down)  # type: ignore[method-assign]

    meanwhile(scene, reboot)
    run = begun(scene, image=HOOKS, limits={"boot": "10ms"})
    with pytest.raises(ToolError) as failed:
        image(run)
    assert "restart" in failed.value.cure
    assert any("i-17" in one for one in undo(run, "no end").left)


def test_3_who_lets_live_reboot_waits_for_it(scene: Scene, live: ToldMachine) -> None:
    """`no_reboot = false`: live does not answer at once, and `after` runs when it does."""
    tries: list[str] = []

    def shell(machine: Resource) -> ToldMachine:
        tries.append(machine.id)
        if len(tries) == 2:
            raise CannotConnect("10.0.1.17 refuses connections", kind="refused")
        return live

    def reboot() -> None:
        live.boot()
        scene.reach.shell = shell  # type: ignore[method-assign]
        raised = [ConnectionLost("the session is gone")]
        run = live.run
        live.run = lambda *words: (  # type: ignore[method-assign]
            (_ for _ in ()).throw(raised.pop()) if raised else run(*words)
        )

    meanwhile(scene, reboot)
    image(begun(scene, image=HOOKS, instance={"no_reboot": False}))
    assert states(live) == ["stopped", "let go"]


@pytest.mark.xfail(strict=True, reason="the end lies in memory: a restart of live loses it")
def test_3_a_restart_does_not_lose_the_end(live: ToldMachine) -> None:
    """The deployer is killed after a `before` that lasts on disk, and live restarts."""
    armed(live, NAMES, HOOKS["after"][0])
    live.sh(before_script(NAMES, HOOKS["before"][0]))
    live.boot()
    live.fire()
    assert states(live) == ["stopped", "let go"]


def test_4_an_older_release_cannot_let_live_go(scene: Scene, live: ToldMachine) -> None:
    """A was killed after its `before`; its timer fires in the middle of B's CreateImage."""
    armed(live, OTHER, f"echo A let go >> {STATE}")
    live.sh(before_script(OTHER, f"echo A stopped >> {STATE}"))
    meanwhile(scene, lambda: live.sh(f"sh {OTHER.base}.sh"))
    image(begun(scene, image=HOOKS))
    assert states(live) == ["A stopped", "A let go", "stopped", "let go"]


@pytest.mark.parametrize(
    "word",
    ["$HOME $(pwd)", "~", r"%s %% 'a' \\ \n ü→ a;b&&c|d {x}", "a\nb"],
)
def test_5_the_timer_runs_what_we_would_have_run(live: ToldMachine, word: str) -> None:
    """Over SSH there is a home and a folder of the user's; from the timer there is neither."""
    line = f"echo {word} >> {STATE}" if word == "~" else f'echo "{word}" >> {STATE}'
    after = armed(live, NAMES, line)
    live.sh(f"export HOME=/home/ubuntu; cd {live.root}/home; {end_script(NAMES, after)}")
    said = live.read(STATE)
    live.path(STATE).unlink()
    armed(live, OTHER, line)
    live.fire()
    assert live.read(STATE) == said


def test_6_a_clone_has_no_end(live: ToldMachine) -> None:
    """The disk is copied while the end is armed: nothing of it is on the disk."""
    armed(live, NAMES, HOOKS["after"][0])
    live.sh(before_script(NAMES, HOOKS["before"][0]))
    clone = clone_of(live)
    clone.boot()
    clone.fire()
    assert not list(clone.root.rglob("*deployer-after*"))
    assert clone.read(STATE).splitlines() == ["stopped"]


_PROGRAM = """
import os, sys, threading, time
from reconciler.util.signals import handled
with handled(lambda: "left at once"):
    try:
        print("ready", flush=True)
        threading.Event().wait()
    finally:
        print("thawing", flush=True)
        time.sleep(0.3)
        print("thawed", flush=True)
"""


@pytest.mark.parametrize(
    "signals",
    [
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGINT, signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGINT, signal.SIGINT),
        (signal.SIGHUP, signal.SIGTERM, signal.SIGINT),
        (signal.SIGINT, signal.SIGTERM, signal.SIGHUP),
    ],
)
def test_8_one_key_press_is_one_request(signals: tuple[signal.Signals, ...]) -> None:
    """A wrapper forwards the SIGINT that the terminal has sent to the whole group already."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_PROGRAM)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for one in signals:
            process.send_signal(one)
            time.sleep(0.005)
        out, _ = process.communicate(timeout=20)
    assert "thawed" in out


def test_14_a_late_end_of_hooks_does_nothing_to_another(scene: Scene, live: ToldMachine) -> None:
    """A awakes in B's CreateImage and runs its `after`: B's image is of a live that is stopped."""
    after = armed(live, OTHER, f"echo A let go >> {STATE}")
    live.sh(before_script(OTHER, f"echo A stopped >> {STATE}"))
    meanwhile(scene, lambda: live.sh(end_script(OTHER, after)))
    image(begun(scene, image=HOOKS))
    assert states(live) == ["A stopped", "A let go", "stopped", "let go"]
