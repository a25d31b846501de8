"""The gate under a real sh: the generator, who a machine is, what is pulled in, what has run."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import CommandFailed, ShellError, StaleAct
from reconciler.machine import activation_gate
from reconciler.machine.activation_gate import (
    ASSET_TAG,
    GENERATOR_TEXT,
    ActivationGate,
    boot_script,
)
from reconciler.machine.clone_check import verify_quarantine
from reconciler.machine.gate_placement import Identity, identity, place_open
from reconciler.machine.unit_control import Act, obey, observe
from tests.fakes.machine import FakeMachine, clone_of

GATE = ActivationGate(app=("shop",), jobs=("worker", "backup.timer"))
DEPLOY = "shop/20261123T031502Z-7kq2m"
ALL = {"shop.service", "worker.service", "backup.timer"}
SOURCE = "i-0a1"


@pytest.fixture
def live(tmp_path: Path) -> FakeMachine:
    """Production, as adopted: everything runs, nothing of ours is on its disk."""
    machine = FakeMachine(tmp_path / "live", SOURCE, units=tuple(sorted(ALL)))
    machine.boot()
    return machine


def placed(live: FakeMachine) -> FakeMachine:
    """With the gate on it, as before its image is taken."""
    place_open(live, GATE, 41, DEPLOY)
    return live


def test_placing_stops_and_shuts_nothing_of_live(live: FakeMachine) -> None:
    """Live's own units are neither stopped nor masked, and it comes back from a reboot serving."""
    placed(live)
    assert live.active() == ALL
    assert not {"stop", "start"} & {
        line.split()[0] for line in live.read("/calls").splitlines()[3:]
    }
    assert not list(live.path("/run/systemd/generator.early").glob("*.service"))
    assert observe(live, GATE).gated
    live.boot(cloud_init=False)
    assert live.active() == ALL


def test_a_machine_beside_the_first_is_not_given_its_jobs(live: FakeMachine) -> None:
    """The first is stopped, so this one is copied: its next boot must not run the jobs as well."""
    gate = replace(GATE, first_only=True)
    place_open(live, gate, 41, DEPLOY)
    live.boot(cloud_init=False)
    assert live.active() == ALL  # nobody has told it anything
    obey(live, gate, Act(42, DEPLOY, app="run", jobs="stop"))
    place_open(live, gate, 43, DEPLOY)
    live.boot(cloud_init=False)
    assert live.active() == {"shop.service"}


def test_a_generator_that_systemd_does_not_run_is_found_out(live: FakeMachine) -> None:
    """Without it nothing masks the units of a clone: refused before an image is taken."""
    live.write("/bin/generate", "#!/bin/sh\n", 0o755)
    with pytest.raises(CommandFailed) as caught:
        placed(live)
    assert "systemd does not run" in caught.value.detail
    with pytest.raises(CommandFailed) as caught:
        obey(live, GATE, Act(42, DEPLOY, app="run", jobs="run"))
    assert "systemd did not run" in caught.value.detail


def test_placing_starts_nothing_that_people_stopped(live: FakeMachine) -> None:
    """A worker stopped for maintenance stays stopped."""
    live.sh("systemctl stop worker.service")
    placed(live)
    assert live.active() == ALL - {"worker.service"}


def test_the_first_clone_is_shut_without_cloud_init(live: FakeMachine) -> None:
    """Nothing but the disk of an adopted machine keeps its first clone from acting."""
    clone = clone_of(placed(live))
    clone.boot(cloud_init=False)
    assert clone.active() == set()
    verify_quarantine(clone, GATE)


def test_a_clone_that_cloud_init_takes_for_its_source_stays_shut(live: FakeMachine) -> None:
    """manual_cache_clean: cloud-init says the source's id, the firmware the clone's own."""
    clone = clone_of(placed(live))
    clone.boot(cloud_init=False)
    clone.write("/run/cloud-init/.instance-id", f"{SOURCE}\n")
    clone.write("/var/lib/cloud/data/instance-id", f"{SOURCE}\n")
    clone.sh("systemctl daemon-reload")
    for unit in ALL:
        clone.sh(f"systemctl start {unit}")
    assert clone.active() == set()
    with pytest.raises(ShellError, match=f"cloud-init took it for {SOURCE}"):
        verify_quarantine(clone, GATE)
    with pytest.raises(CommandFailed) as caught:
        obey(clone, GATE, Act(50, DEPLOY, "run", "stop"))
    assert f"cloud-init {SOURCE}" in caught.value.detail
    assert clone.active() == set()


def test_an_identity_from_the_disk_would_open_the_clone(
    live: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutation of rule 19: with cloud-init's id on the disk for the firmware's, clones act."""
    mutated = GENERATOR_TEXT.replace(ASSET_TAG, "/var/lib/cloud/data/instance-id")
    monkeypatch.setattr(activation_gate, "GENERATOR_TEXT", mutated)
    live.write("/var/lib/cloud/data/instance-id", f"{SOURCE}\n")
    clone = clone_of(placed(live))
    clone.boot(cloud_init=False)
    assert clone.active() == ALL
    with pytest.raises(ShellError, match="is not quarantined") as refused:
        verify_quarantine(clone, GATE)
    assert "shop.service" in refused.value.detail


def test_what_is_shut_may_be_shut_whatever_cloud_init_says(live: FakeMachine) -> None:
    """Jobs are taken from a machine though its cloud-init is confused: shutting is safe."""
    obey(live, GATE, Act(41, DEPLOY, "run", "run"))
    live.write("/run/cloud-init/.instance-id", "i-0ff\n")
    obey(live, GATE, Act(42, DEPLOY, "stop", "stop"))
    assert live.active() == set()


@pytest.mark.parametrize("tag", ["", "i-", "i-0xyz", "Amazon EC2", "i-0a1 i-0b2", "iid-none"])
def test_without_an_id_in_the_firmware_the_gate_stays_shut(live: FakeMachine, tag: str) -> None:
    """Xen types, other clouds, anything odd: no id, whatever the disk says."""
    placed(live)
    live.firmware(tag)
    live.boot()
    assert live.active() == set()
    assert identity(live).firmware == ""


def test_who_a_machine_is(live: FakeMachine) -> None:
    """By its firmware; whom cloud-init took it for is told apart."""
    live.write("/run/cloud-init/.instance-id", "i-0b2\n")
    assert identity(live) == Identity(SOURCE, "i-0b2")
    live.write("/run/cloud-init/.instance-id", "iid-datasource-none\n")
    assert identity(live) == Identity(SOURCE, "")


def test_placing_is_fenced(live: FakeMachine) -> None:
    """A placing that comes late must not open what a newer act has shut."""
    obey(live, GATE, Act(42, DEPLOY, "stop", "stop"))
    with pytest.raises(StaleAct):
        placed(live)
    live.boot()
    assert live.active() == set()


def test_a_gate_that_systemd_does_not_run_is_removed(live: FakeMachine) -> None:
    """A file that PID 1 may not execute keeps nothing back: no image is taken."""
    live.write("/bin/generate", "#!/bin/sh\n", 0o755)
    with pytest.raises(CommandFailed) as caught:
        placed(live)
    assert "/etc/systemd/system-generators/deployer-gate as it should" in caught.value.detail
    assert not live.path("/etc/systemd/system-generators/deployer-gate").exists()


def test_what_only_gated_units_pull_in_is_gated(live: FakeMachine) -> None:
    """Members of a target, what a service requires or wants, what a timer starts, aliases."""
    gate = ActivationGate(app=("main",), jobs=("many.target", "backup.timer"))
    for unit, name, value in (
        ("main.service", "Names", "real.service main.service"),
        ("main.service", "Requires", "dep.service sysinit.target system.slice"),
        ("main.service", "Wants", "shared.service nginx.service"),
        ("dep.service", "RequiredBy", "main.service"),
        ("dep.service", "Wants", "deeper.service"),
        ("deeper.service", "WantedBy", "dep.service"),
        ("shared.service", "WantedBy", "main.service many.target"),
        ("nginx.service", "WantedBy", "main.service multi-user.target"),
        ("many.target", "Wants", "member.service shared.service"),
        ("member.service", "WantedBy", "many.target"),
        ("backup.timer", "Triggers", "backup.service"),
        ("backup.service", "TriggeredBy", "backup.timer"),
        ("main.service", "TriggeredBy", "main.socket"),
        ("main.socket", "Triggers", "main.service"),
        ("main.socket", "WantedBy", "sockets.target"),
    ):
        live.flag(unit, name, value)
    place_open(live, gate, 41, DEPLOY)
    listed = live.read("/etc/deployer/units").split("\n")
    assert sorted(line for line in listed if line) == [
        "app deeper.service",
        "app dep.service",
        "app main.service",
        "app main.socket",
        "app real.service",
        "app shared.service",
        "jobs backup.service",
        "jobs backup.timer",
        "jobs many.target",
        "jobs member.service",
    ]


def test_the_jobs_members_stop_with_them(live: FakeMachine) -> None:
    """A target's members outlive it unless they say PartOf=: jobs on two machines."""
    gate = ActivationGate(app=("shop",), jobs=("many.target",))
    live.flag("many.target", "Wants", "member.service")
    live.flag("member.service", "WantedBy", "many.target")
    live.flag("member.service", "active")
    obey(live, gate, Act(41, DEPLOY, "run", "run"))
    obey(live, gate, Act(42, DEPLOY, "run", "stop"))
    assert "member.service" not in live.active()
    live.sh("systemctl start member.service")
    assert "member.service" not in live.active()


def test_what_was_listed_stays_listed_while_it_is_shut(live: FakeMachine) -> None:
    """A masked unit shows nothing of what it pulls in: on a clone the list of its source holds."""
    gate = ActivationGate(app=("shop",), jobs=("many.target",))
    live.flag("many.target", "Wants", "member.service")
    live.flag("member.service", "WantedBy", "many.target")
    place_open(live, gate, 41, DEPLOY)
    clone = clone_of(live)
    clone.boot(boot_script(gate))
    obey(clone, gate, Act(42, DEPLOY, "run", "stop"))
    assert "jobs member.service" in clone.read("/etc/deployer/units").splitlines()


def test_an_enabled_socket_comes_back_with_its_service(live: FakeMachine) -> None:
    """What is gated as the trigger of a unit is started with it, if it is enabled; first."""
    gate = ActivationGate(app=("shop",))
    live.flag("shop.service", "TriggeredBy", "shop.socket shop.path")
    for trigger in ("shop.socket", "shop.path"):
        live.flag(trigger, "Triggers", "shop.service")
    live.flag("shop.socket", "enabled")
    obey(live, gate, Act(41, DEPLOY, "stop", "stop"))
    live.write("/calls", "")
    obey(live, gate, Act(42, DEPLOY, "run", "run"))
    started = [line for line in live.read("/calls").splitlines() if line.startswith("start")]
    assert started == ["start shop.socket", "start shop.service"]


def test_units_quicker_than_the_gate_are_stopped_and_found_out(tmp_path: Path) -> None:
    """An image without a gate: stopped, but no longer a quarantine."""
    machine = FakeMachine(tmp_path / "m", units=tuple(ALL))
    for unit in machine.units:
        machine.sh(f"systemctl start {unit}")
    assert machine.sh(boot_script(GATE)).returncode == 0
    assert machine.active() == set()
    with pytest.raises(ShellError, match=r"unit backup\.timer has run since boot") as caught:
        verify_quarantine(machine, GATE)
    assert len(caught.value.detail.splitlines()) == len(ALL)


def test_a_oneshot_that_has_ended_is_found_out(live: FakeMachine) -> None:
    """It was never active: the time when it left `inactive` tells."""
    clone = clone_of(placed(live))
    clone.boot(boot_script(GATE))
    clone.flag("worker.service", "InactiveExitTimestampMonotonic", "4711")
    with pytest.raises(ShellError, match=r"unit worker\.service has run since boot"):
        verify_quarantine(clone, GATE)


def test_what_systemd_has_forgotten_the_journal_knows(live: FakeMachine) -> None:
    """A unit that nobody refers to loses its times when it ends."""
    clone = clone_of(placed(live))
    clone.boot(boot_script(GATE))
    said = '#!/bin/sh\ncase "$*" in "-b "*UNIT=worker.service*) echo Finished;; esac\n'
    clone.write("/bin/journalctl", said, 0o755)
    with pytest.raises(ShellError, match=r"worker\.service has run since boot") as caught:
        verify_quarantine(clone, GATE)
    assert caught.value.detail.count("\n") == 0


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("rm /run/systemd/generator.early/shop.service", "unit shop.service may start"),
        ("echo 'app shop.service' > /etc/deployer/units", "unit worker.service is not gated"),
        ("rm /run/systemd/generator.early/deployer-gate", "the gate is not there"),
        ("rm /sys/class/dmi/id/board_asset_tag", "its firmware does not say its instance id"),
        (": > /run/systemd/generator.early/x; : > @/units/shop.service.active", "is running"),
    ],
)
def test_a_broken_quarantine_says_how(live: FakeMachine, spoil: str, why: str) -> None:
    """Each of the ways in which a clone could act as production is named."""
    clone = clone_of(placed(live))
    clone.boot(boot_script(GATE))
    clone.sh(spoil.replace("@", str(clone.root)))
    with pytest.raises(ShellError) as caught:
        verify_quarantine(clone, GATE)
    assert why in caught.value.detail


def test_a_bootcmd_opens_nothing_and_shuts_nothing_that_was_told(live: FakeMachine) -> None:
    """It runs in every boot, of what is live by now as well, and knows an older set of units."""
    obey(live, GATE, Act(41, DEPLOY, "run", "run"))
    live.boot(boot_script(ActivationGate(app=("old",))))
    assert live.active() == ALL
    assert "app old.service" not in live.read("/etc/deployer/units")


def test_machines_of_the_older_gate_are_taken_over(live: FakeMachine) -> None:
    """Drop-ins, flags and unit go; what was obeyed holds on; its old bootcmd finds the state."""
    ours = "# Written by the deployer: this unit starts only where the deployer wants it.\n"
    condition = "[Unit]\nConditionPathExists=/run/deployer/app\n"
    etc = "/etc/systemd/system"
    live.write(f"{etc}/shop.service.d/50-deployer.conf", ours + condition)
    live.write(f"{etc}/else.service.d/50-deployer.conf", condition)
    live.write(f"{etc}/deployer-gate.service", "# Written by the deployer: opens\n")
    live.write("/var/lib/deployer/gate", "# Written by the deployer. Usage\n")
    live.write("/var/lib/deployer/state", f"instance={SOURCE}\ngeneration=44\napp=1\njobs=1\n")
    with pytest.raises(StaleAct):
        obey(live, GATE, Act(43, DEPLOY, "stop", "stop"))
    obey(live, GATE, Act(45, DEPLOY, "run", "run"))
    gone = ("shop.service.d", "deployer-gate.service")
    assert not any(live.path(f"{etc}/{one}").exists() for one in gone)
    assert live.path(f"{etc}/else.service.d/50-deployer.conf").exists()
    assert "generation=45" in live.read("/var/lib/deployer/state")
    live.boot(cloud_init=False)
    assert live.active() == ALL


def test_the_scripts_are_posix(live: FakeMachine) -> None:
    """Debian's sh is dash; what bash alone understands fails there."""
    placed(live)
    generator = live.path("/etc/systemd/system-generators/deployer-gate")
    for shell in ("dash", "sh"):
        done = subprocess.run([shell, "-n", str(generator)], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
