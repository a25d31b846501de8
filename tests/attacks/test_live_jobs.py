"""Attacks on whoever runs the jobs, and on configured images (docs/attacks-live.md, 16–20)."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.commands.rollback.command import rollback
from reconciler.aws.base_images import BaseImages
from reconciler.config.loader import load
from reconciler.errors import (
    AccessDenied,
    CannotConnect,
    ConfigError,
    FollowUpFailed,
)
from reconciler.gc.base_images import Bases
from reconciler.gc.mark import mark
from reconciler.machine import unit_script
from reconciler.machine.activation_gate import STATE
from reconciler.machine.unit_control import Act, obey
from reconciler.model.fencing import FencedAct
from reconciler.model.resource import INSTANCE, Inventory
from reconciler.model.tags import AccountRegion, Label
from reconciler.ports.fleet import Fleet
from reconciler.sweep.runner import sweep
from tests.fakes.machine import FakeMachine
from tests.fakes.scene import Scene, service
from tests.support.shop_world import ALL, CLEAN, GATE, LEDGER, LIVE, OLD, deploy, resources, root

JOB = "shop-worker.service"
SILENT = CannotConnect("no route to it", kind="no-route")
IMAGE = "ami-41"


def working(scene: Scene) -> set[str]:
    """The machines that run the job."""
    return {name for name, one in scene.reach.machines.items() if JOB in one.active()}


@pytest.fixture
def hanging(scene: Scene) -> Scene:
    """Live runs the jobs and does not answer."""
    obey(scene.reach.machine("i-17"), GATE, Act(44, str(LIVE), app="run", jobs="run"))
    obey(scene.reach.machine("i-9"), GATE, Act(44, str(OLD), app="run", jobs="stop"))
    scene.server.record_baseline(LIVE.database_name(LEDGER), FencedAct(3, LIVE, LEDGER))
    scene.reach.down["i-17"] = SILENT
    return scene


def back(scene: Scene, *despite: str, to: object = None) -> str:
    """Roll back; what it said of being unfinished, '' where it was not."""
    ports = scene.ports()
    managed = replace(ports.managed, jobs_despite=frozenset(despite))
    try:
        rollback(replace(ports, managed=managed), to, discard_writes=True)  # type: ignore[arg-type]
    except FollowUpFailed as error:
        return error.detail
    return ""


@pytest.mark.parametrize("word", ["i-9", "i-1", "i-17,", "*"])
def test_16_a_word_for_another_machine_begins_nothing(hanging: Scene, word: str) -> None:
    """The target's own machine, a typo, an address: no job begins, and the right id is named."""
    said = back(hanging, word)
    assert working(hanging) == {"i-17"}
    assert "--jobs-despite i-17" in said


def test_16_a_word_for_one_of_two_is_for_one(hanging: Scene) -> None:
    """Live has two machines and both hang: one word is not enough."""
    second = resources(LIVE, "v1.5.0", Label.LIVE, 18)
    hanging.heap.add(one for one in second if one.kind == INSTANCE)
    obey(hanging.reach.machine("i-18"), GATE, Act(44, str(LIVE), app="run", jobs="run"))
    hanging.reach.down["i-18"] = SILENT
    said = back(hanging, "i-17")
    assert working(hanging) == {"i-17", "i-18"}
    assert "--jobs-despite i-18" in said


def test_16_a_rollback_of_a_rollback_does_not_carry_the_word_along(hanging: Scene) -> None:
    """Forward again to the machine that hung, away from one that hangs now: nobody vouched."""
    back(hanging, "i-17")
    hanging.reach.machine("i-17").boot()  # it ran none, as was said
    hanging.reach.machine("i-17").sh("systemctl stop shop-worker.service")
    hanging.reach.down = {"i-9": SILENT}
    assert working(hanging) == {"i-9"}
    said = back(hanging, "i-17", to=LIVE)
    assert working(hanging) == {"i-9"}
    assert "--jobs-despite i-9" in said


def test_16_no_sweep_is_clean_while_a_machine_was_not_told(hanging: Scene) -> None:
    """The word begins the jobs; it does not make the silent machine told."""
    back(hanging, "i-17")
    assert not hanging.sweep().clean
    hanging.reach.down.clear()
    hanging.sweep()
    assert working(hanging) == {"i-9"}
    assert hanging.sweep().clean


@pytest.mark.parametrize(
    ("listed", "seen"),
    [("running", "stopping"), ("running", "shutting-down"), ("stopped", "pending")],
)
def test_17_half_stopped_is_not_stopped(hanging: Scene, listed: str, seen: str) -> None:
    """Also where the listing saw it stopped, and somebody starts it before the last look."""
    hanging.heap.slow["i-17"] = 9
    hanging.heap.change("i-17", state=listed)
    hanging.heap.meddlers.append(lambda: hanging.heap.change("i-17", state=seen))
    back(hanging)
    assert working(hanging) == {"i-17"}


_SYNC = """#!/bin/sh
disk={root}/disk
for path in "${{@:-all}}"; do
  case $path in
    all) rm -rf $disk; cp -a {root}/etc $disk ;;
    *) to=$disk${{path#{root}/etc}}
       if [ -d "$path" ]; then mkdir -p "$to"
         for had in "$to"/*; do [ -e "$path/${{had##*/}}" ] || rm -f "$had"; done
         for file in "$path"/*; do [ ! -f "$file" ] || cp -p "$file" "$to"; done
       elif [ -e "$to" ]; then cp -p "$path" "$to"; fi ;;
  esac
done
"""


def power_cut(machine: FakeMachine) -> None:
    """What was not on the disk is gone."""
    disk, etc = machine.root / "disk", machine.root / "etc"
    subprocess.run(["rm", "-rf", str(etc)], check=True)
    subprocess.run(["cp", "-a", str(disk), str(etc)], check=True)
    machine.boot()


def test_18_what_was_told_survives_a_power_cut(scene: Scene) -> None:
    """A file is durable once it was synced, a name once its folder was: rename needs the second.

    Told to stop, answered, hard reset: it must not come back with its jobs.
    """
    live = scene.reach.machine("i-17")
    live.units = ("shop.service", JOB)
    live.write("/bin/sync", _SYNC.format(root=live.root), 0o755)
    obey(live, GATE, Act(44, str(LIVE), app="run", jobs="run"))
    live.sh("sync")
    power_cut(live)
    assert JOB in live.active()
    obey(live, GATE, Act(45, str(LIVE), app="run", jobs="stop"))
    power_cut(live)
    assert "jobs=0" in live.read(STATE).splitlines()
    assert JOB not in live.active()


def test_18_a_machine_that_comes_back_is_told(hanging: Scene) -> None:
    """After `--jobs-despite` it boots with its jobs: the next sweep stops them, and says so."""
    back(hanging, "i-17")
    hanging.reach.machine("i-17").units = ("shop.service", JOB)
    hanging.reach.machine("i-17").boot()
    assert working(hanging) == {"i-9", "i-17"}
    hanging.reach.down.clear()
    hanging.sweep()
    assert working(hanging) == {"i-9"}


def test_19_a_child_that_ignores_sigterm_ends(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cron child that traps SIGTERM: ended before the machine says that its jobs have stopped."""
    quick = unit_script.STOP_AND_START.replace("-gt 50", "-gt 5")
    monkeypatch.setattr("reconciler.machine.unit_control.STOP_AND_START", quick)
    live = scene.reach.machine("i-17")
    obey(live, GATE, Act(44, str(LIVE), app="run", jobs="run"))
    child = subprocess.Popen(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"])
    procs = f"/sys/fs/cgroup/system.slice/{JOB}/cgroup.procs"
    live.flag(JOB, "ControlGroup", f"/system.slice/{JOB}\n")
    live.write(procs, f"{child.pid}\n")

    def leave() -> None:
        child.wait()
        live.write(procs, "")

    gone = threading.Thread(target=leave)
    gone.start()
    obey(live, GATE, Act(45, str(LIVE), app="run", jobs="stop"))
    assert child.poll() == -9
    gone.join()


def test_19_a_job_that_starts_itself_again_is_not_called_stopped(hanging: Scene) -> None:
    """The old machine answers and its unit does not stop: the new one's jobs wait."""
    hanging.reach.down.clear()
    hanging.reach.machine("i-17").flag(JOB, "stubborn")
    assert "does not stop" in back(hanging)
    assert working(hanging) == {"i-17"}


@pytest.mark.parametrize("image", ["ssm:/base", "ami-41"])
def test_20_a_base_in_an_account_that_cannot_be_entered_is_kept(image: str) -> None:
    """Another service's configuration names it; its account refuses us: unknown is not empty."""

    def denied(_: AccountRegion) -> None:
        raise AccessDenied("no role")

    other = service(name="search", record="search.example.com", instance={"image": image})
    bases = BaseImages([service(), other], denied)()  # type: ignore[arg-type]
    verdicts = mark(Inventory(ALL), {"shop": replace(root(CLEAN), bases=bases)})
    kept = {one.resource.id for one in verdicts if not one.collect}
    assert {IMAGE, "snap-41"} <= kept


def test_20_a_base_shared_from_another_account_is_kept_by_its_id() -> None:
    """A service of another account names our image."""
    verdicts = mark(
        Inventory(ALL), {"shop": replace(root(CLEAN), bases=Bases(((IMAGE, "search"),)))}
    )
    assert IMAGE in {one.resource.id for one in verdicts if not one.collect}


def test_20_a_file_that_cannot_be_parsed_stops_every_sweep(tmp_path: Path) -> None:
    """What it names is not known: nothing is swept by the other files alone."""
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "search.toml").write_text("[instance]\nimage = ami-41\n")
    with pytest.raises(ConfigError):
        load(tmp_path)


def test_20_a_base_that_retention_lets_go_is_neither_swept_nor_dirt(scene: Scene) -> None:
    """What made it is forgotten, everything of it goes but the image; and nothing is in the way."""
    dead = deploy(45, "x9f4c")
    scene.heap.add(one for one in ALL if one.deploy == dead and one.kind != "database")
    scene.managed = replace(scene.managed, bases=lambda: Bases(((IMAGE, "search"),)))
    result = sweep(Fleet.of(scene.managed))
    assert result.clean
    assert {one.resource.id for one in result.gone} >= {"i-41", "vol-41"}
    assert scene.plan().services[0].deletes == ()
    assert CLEAN.gen == scene.ledger.gen
