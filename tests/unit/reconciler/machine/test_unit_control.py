"""What a machine is told, run under a real sh: the gate, the fence, and what breaks them."""

from __future__ import annotations

import fcntl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import which

import pytest

from reconciler.errors import CommandFailed, ConfigError, StaleAct
from reconciler.machine import unit_script
from reconciler.machine.activation_gate import LOCK, STATE, ActivationGate, boot_script, unit_name
from reconciler.machine.clone_check import verify_quarantine
from reconciler.machine.unit_control import (
    HALT,
    Act,
    MachineState,
    Run,
    obey,
    obey_script,
    observe,
)
from reconciler.machine.unit_state import digest
from tests.fakes.machine import FakeMachine, clone_of

GATE = ActivationGate(app=("shop",), jobs=("cron", "backup.timer"))
DEPLOY = "shop/20261123T031502Z-7kq2m"
LIVE = Act(41, DEPLOY, app="run", jobs="run")
CANDIDATE = Act(41, DEPLOY, app="run", jobs="stop")
ALL = {"shop.service", "cron.service", "backup.timer"}


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """A machine whose units all start at boot, as production's do."""
    return FakeMachine(tmp_path / "live", units=("shop.service", "cron.service", "backup.timer"))


def test_a_clone_with_our_boot_script_does_nothing(machine: FakeMachine) -> None:
    """Nothing of production runs on a clone, though its disk says that all units start."""
    machine.boot()
    assert machine.active() == ALL
    clone = clone_of(machine)
    clone.boot(boot_script(GATE))
    assert clone.active() == set()
    verify_quarantine(clone, GATE)


def test_a_clone_of_a_gated_machine_is_shut_without_cloud_init(machine: FakeMachine) -> None:
    """Even a clone whose cloud-init fails is shut by the files it inherits."""
    obey(machine, GATE, LIVE)
    clone = clone_of(machine)
    clone.boot(cloud_init=False)
    assert clone.active() == set()


def test_a_clone_does_not_inherit_what_its_source_was_told(machine: FakeMachine) -> None:
    """The state file on the clone's disk names another instance: no word of it holds here."""
    obey(machine, GATE, Act(99, DEPLOY, app="run", jobs="run"))
    clone = clone_of(machine)
    clone.boot(boot_script(GATE))
    assert observe(clone, GATE) == MachineState("i-0c1", "", 0, frozenset(), True, GATE)
    obey(clone, GATE, CANDIDATE)
    assert clone.active() == {"shop.service"}


def test_a_told_machine_comes_back_from_a_reboot(machine: FakeMachine) -> None:
    """The flags of /run are made again for the very instance that was told."""
    machine.boot(boot_script(GATE))
    obey(machine, GATE, CANDIDATE)
    machine.boot(boot_script(GATE))
    assert machine.active() == {"shop.service"}


def test_an_adopted_machine_comes_back_from_a_reboot(machine: FakeMachine) -> None:
    """It has no bootcmd of ours; the generator knows it by its firmware."""
    machine.boot()
    obey(machine, GATE, LIVE)
    machine.boot(cloud_init=False)
    assert machine.active() == ALL


def test_a_copy_of_another_services_machine_keeps_its_units_masked(machine: FakeMachine) -> None:
    """blog is released from an image of shop's machine: shop must not run there, ever."""
    obey(machine, GATE, LIVE)
    blog = ActivationGate(app=("blog",), jobs=("blog-worker",))
    own = {"blog.service", "blog-worker.service"}
    clone = clone_of(machine)
    clone.units = (*clone.units, *own)
    clone.boot(boot_script(blog))
    obey(clone, blog, Act(3, "blog/20261129T020000Z-aaaaa", app="run", jobs="run"))
    assert clone.active() == own
    clone.boot(boot_script(blog))
    assert clone.active() == own


def test_adopting_gates_without_a_restart(machine: FakeMachine) -> None:
    """A running app is not touched; the drop-ins stand afterwards."""
    machine.boot()
    obey(machine, GATE, LIVE)
    calls = machine.read("/calls")
    assert "stop" not in calls
    assert "restart" not in calls
    seen = observe(machine, GATE)
    assert seen.gated
    assert seen.active == {*GATE.app, *GATE.jobs}
    assert (seen.deploy, seen.generation) == (DEPLOY, 41)


def test_jobs_stop_and_stay_shut(machine: FakeMachine) -> None:
    """After a cutover the old machine's app runs on, its jobs do not, nor can they start."""
    obey(machine, GATE, LIVE)
    obey(machine, GATE, Act(42, DEPLOY, app="run", jobs="stop"))
    assert b"masked" in machine.sh("systemctl start cron.service").stderr
    seen = observe(machine, GATE)
    assert seen.active == set(GATE.app)


def test_an_older_generation_is_refused(machine: FakeMachine) -> None:
    """A stop that comes late finds a newer word obeyed, and changes nothing."""
    obey(machine, GATE, Act(42, DEPLOY, app="run", jobs="run"))
    with pytest.raises(StaleAct, match="newer generation than 41") as caught:
        obey(machine, GATE, Act(41, DEPLOY, app="stop", jobs="stop"))
    assert "generation 42" in caught.value.detail
    assert machine.active() == ALL
    assert observe(machine, GATE).generation == 42


def test_obeying_twice_is_harmless(machine: FakeMachine) -> None:
    """The same word again changes nothing and starts nothing anew."""
    obey(machine, GATE, LIVE)
    before = machine.read("/etc/deployer/state")
    obey(machine, GATE, LIVE)
    assert machine.read("/etc/deployer/state") == before
    assert before.splitlines() == [
        "instance=i-0a1",
        f"deploy={DEPLOY}",
        "generation=41",
        "app=1",
        f"units={digest(GATE)}",
        "jobs=1",
    ]


def test_acts_at_once_end_as_the_newest_says(machine: FakeMachine) -> None:
    """Under the lock the highest generation wins, whatever the order of arrival."""

    def tell(generation: int) -> str:
        wanted: tuple[str, str] = ("run", "run") if generation == 49 else ("stop", "stop")
        try:
            obey(machine, GATE, Act(generation, DEPLOY, *wanted))  # type: ignore[arg-type]
        except StaleAct:
            return "stale"
        return "done"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(tell, [44, 49, 42, 47, 45, 43, 48, 46]))
    assert outcomes[1] == "done"
    assert machine.active() == ALL
    assert observe(machine, GATE).generation == 49


def test_an_act_waits_until_the_one_before_it_has_ended(machine: FakeMachine) -> None:
    """Nothing of it happens while the lock is held."""
    asked = machine.path("/asked")
    machine.write("/bin/flock", f'#!/bin/sh\ntouch {asked}\nexec {which("flock")} "$@"\n', 0o755)
    machine.write(LOCK, "")
    with machine.path(LOCK).open("w") as held, ThreadPoolExecutor(1) as pool:
        fcntl.flock(held, fcntl.LOCK_EX)
        act = pool.submit(obey, machine, GATE, CANDIDATE)
        while not asked.exists() and not act.done():
            time.sleep(0.01)
        assert not act.done()
        assert machine.active() == set()
        fcntl.flock(held, fcntl.LOCK_UN)
        act.result(timeout=30)
    assert machine.active() != set()


def test_a_unit_that_fails_shows_its_journal(machine: FakeMachine) -> None:
    """The error has the unit's last lines: the reason, not the symptom."""
    machine.flag("shop.service", "broken", "psycopg.errors.UndefinedTable")
    with pytest.raises(CommandFailed) as caught:
        obey(machine, GATE, CANDIDATE)
    assert "last lines of unit shop.service" in caught.value.detail
    assert "UndefinedTable" in caught.value.detail


def test_a_unit_that_crashes_at_once_is_seen(machine: FakeMachine) -> None:
    """systemctl start says yes to a process that dies a moment later: its state is asked."""
    machine.flag("shop.service", "crashes", "ImportError")
    with pytest.raises(CommandFailed) as caught:
        obey(machine, GATE, CANDIDATE)
    assert "unit shop.service is inactive" in caught.value.detail
    assert "ImportError" in caught.value.detail


def test_a_oneshot_is_refused_before_it_runs(machine: FakeMachine) -> None:
    """A sweep obeys a configuration that no release has checked: it must not run it each time."""
    machine.flag("cron.service", "Type", "oneshot\n")
    machine.flag("cron.service", "RemainAfterExit", "no\n")
    with pytest.raises(CommandFailed) as caught:
        obey(machine, GATE, LIVE)
    assert "cron.service is of Type=oneshot" in caught.value.detail
    assert "start cron.service" not in machine.read("/calls")


def test_a_job_that_does_not_stop_is_an_error(machine: FakeMachine) -> None:
    """Jobs on two deploys at once are what this is here to prevent."""
    obey(machine, GATE, LIVE)
    machine.flag("cron.service", "stubborn")
    with pytest.raises(CommandFailed) as caught:
        obey(machine, GATE, Act(42, DEPLOY, app="run", jobs="stop"))
    assert "unit cron.service does not stop" in caught.value.detail


def test_a_machine_without_an_identity_obeys_nothing(machine: FakeMachine) -> None:
    """A fence that any clone would inherit is none: what cloud-init says lies on the disk."""
    machine.firmware("")
    machine.write("/run/cloud-init/.instance-id", "i-0a1\n")
    with pytest.raises(CommandFailed) as caught:
        obey(machine, GATE, LIVE)
    assert "does not know its instance id" in caught.value.detail
    assert machine.active() == set()


def test_looking_changes_nothing(machine: FakeMachine) -> None:
    """observe on a machine that we never touched writes no file and calls no verb that acts."""
    machine.boot()
    machine.write("/calls", "")
    seen = observe(machine, GATE)
    assert (seen.gated, seen.generation) == (False, 0)
    assert seen.active >= set(GATE.app)
    assert {line.split()[0] for line in machine.read("/calls").splitlines()} == {"is-active"}
    assert not machine.path("/var/lib/deployer").exists()
    assert not machine.path("/etc/deployer").exists()


@pytest.mark.parametrize("name", ["", "a b", "x;reboot", "../up", "-H"])
def test_what_is_no_unit_is_refused(name: str) -> None:
    """Names go into paths and scripts: anything odd is a configuration error."""
    with pytest.raises(ConfigError):
        unit_name(name)


def group_of(machine: FakeMachine, unit: str, script: str) -> subprocess.Popen[bytes]:
    """A process in the unit's control group, which is gone from it when it has ended."""
    child = subprocess.Popen(["sh", "-c", script])
    machine.flag(unit, "ControlGroup", f"/system.slice/{unit}\n")
    procs = f"/sys/fs/cgroup/system.slice/{unit}/cgroup.procs"
    machine.write(procs, f"{child.pid}\n")

    def leave() -> None:
        child.wait()
        machine.write(procs, "")

    threading.Thread(target=leave, daemon=True).start()
    return child


def test_what_a_job_has_begun_ends_with_it(machine: FakeMachine) -> None:
    """cron has KillMode=process: systemd calls it stopped while what it started goes on."""
    obey(machine, GATE, LIVE)
    child = group_of(machine, "cron.service", "exec sleep 60")
    obey(machine, GATE, Act(42, DEPLOY, app="run", jobs="stop"))
    assert child.wait(5) != 0


def test_a_process_that_cannot_be_ended_is_said(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the jobs have not stopped, and nobody is told that they have."""
    quick = unit_script.STOP_AND_START.replace("-lt 75", "-lt 3")
    monkeypatch.setattr("reconciler.machine.unit_control.STOP_AND_START", quick)
    obey(machine, GATE, LIVE)
    machine.flag("cron.service", "ControlGroup", "/system.slice/cron.service\n")
    machine.write("/sys/fs/cgroup/system.slice/cron.service/cgroup.procs", "999999999\n")
    with pytest.raises(CommandFailed) as caught:
        obey(machine, GATE, Act(42, DEPLOY, app="run", jobs="stop"))
    assert "unit cron.service is stopped, but its processes go on: 999999999" in caught.value.detail


def test_a_process_of_another_pid_namespace_is_not_ended(machine: FakeMachine) -> None:
    """The kernel shows it as 0, and `kill 0` would end the script itself."""
    obey(machine, GATE, LIVE)
    machine.flag("cron.service", "ControlGroup", "/system.slice/cron.service\n")
    machine.write("/sys/fs/cgroup/system.slice/cron.service/cgroup.procs", "0\n")
    obey(machine, GATE, Act(42, DEPLOY, app="run", jobs="stop"))
    assert not observe(machine, GATE).active & set(GATE.jobs)


@pytest.mark.parametrize("told", ["run", "stop"])
def test_jobs_are_kept_as_they_are(machine: FakeMachine, told: Run) -> None:
    """Whoever waits for another's jobs to stop neither begins nor stops its own."""
    obey(machine, GATE, Act(41, DEPLOY, app="run", jobs=told))
    before = machine.active()
    obey(machine, GATE, Act(42, DEPLOY, app="run", jobs="keep"))
    assert machine.active() == before
    state = machine.read(STATE).splitlines()
    assert {"generation=42", f"jobs={told == 'run':d}"} <= set(state)


def test_a_machine_that_was_told_nothing_keeps_what_it_does(machine: FakeMachine) -> None:
    """An adopted one runs its jobs: after the next boot it runs them still."""
    machine.boot()
    obey(machine, GATE, Act(42, DEPLOY, app="run", jobs="keep"))
    assert "jobs=1" in machine.read(STATE).splitlines()
    assert machine.active() == ALL


def test_what_was_obeyed_names_the_set_of_units(machine: FakeMachine) -> None:
    """Another set is another order."""
    obey(machine, GATE, LIVE)
    assert observe(machine, GATE).units == digest(GATE)
    assert observe(machine, ActivationGate(("shop",))).units != digest(ActivationGate(("shop",)))


def test_rule_10_an_order_to_halt_is_fenced_and_ends_with_the_lock_held(
    machine: FakeMachine,
) -> None:
    """A late one finds a newer order; whoever comes after it meets a machine that goes down."""
    obey(machine, GATE, LIVE)
    halt = Act(LIVE.generation - 1, DEPLOY, app="stop", jobs="stop", halts=True)
    with pytest.raises(StaleAct):
        obey(machine, GATE, halt)
    assert machine.active() == ALL
    before, _, after = obey_script(GATE, halt).rpartition(HALT)
    assert after.strip() == ""
    closed = [line for line in before.splitlines() if line.startswith("exec 9") and "&-" in line]
    assert closed == []
    assert HALT not in obey_script(GATE, CANDIDATE)
