"""Attacks on the gate's files, under a real sh: `docs/attacks-clones.md` tells each story whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import StaleAct
from reconciler.machine.activation_gate import (
    EARLY,
    GENERATOR,
    LIST,
    STATE,
    ActivationGate,
    boot_script,
)
from reconciler.machine.clone_check import verify_quarantine
from reconciler.machine.gate_placement import place_open, place_script
from reconciler.machine.unit_control import Act, obey, observe
from tests.fakes.machine import FakeMachine, clone_of

GATE = ActivationGate(app=("shop",), jobs=("worker", "backup.timer"))
DEPLOY = "shop/20261123T031502Z-7kq2m"
ALL = {"shop.service", "worker.service", "backup.timer"}
SOURCE = "i-0a1"
WRITERS = ("mkdir", "mv", "cp", "rm", "chmod", "sync", "ln")


@pytest.fixture
def live(tmp_path: Path) -> FakeMachine:
    """Production, as adopted: everything runs, nothing of ours is on its disk."""
    return booted(FakeMachine(tmp_path / "live", SOURCE, units=tuple(sorted(ALL))))


def booted(machine: FakeMachine) -> FakeMachine:
    """After a reboot in which cloud-init did nothing."""
    machine.boot(cloud_init=False)
    return machine


def masked(machine: FakeMachine) -> set[str]:
    """The units that PID 1 finds linked to /dev/null."""
    return {one.name for one in machine.path(EARLY).iterdir() if one.is_symlink()}


def listed(machine: FakeMachine) -> set[str]:
    """The lines of the gate's list."""
    return set(machine.read(LIST).splitlines())


def pulls(machine: FakeMachine, unit: str, name: str, other: str, back: str) -> None:
    """A relation of two units, as systemd tells both of them."""
    machine.flag(unit, name, other)
    machine.flag(other, back, unit)


@pytest.mark.parametrize("count", range(1, 17))
def test_02_a_power_cut_after_each_command_of_the_placing(live: FakeMachine, count: int) -> None:
    """Live has no gate yet: at whatever moment it dies, it comes back serving."""
    for tool in WRITERS:
        text = (
            f'#!/bin/sh\nPATH=${{PATH#*:}}; {tool} "$@"; code=$?\n'
            f"echo x >> {live.root}/cuts\n"
            f"[ $(wc -l < {live.root}/cuts) -lt {count} ] ||\n"
            "kill -9 -$(ps -o pgid= $$ | tr -d ' ')\n"
            "exit $code\n"
        )
        live.write(f"/bin/{tool}", text, 0o755)
    live.sh(f"exec setsid -w sh -c '{_quoted(place_script(GATE, act(41)))}'")
    for tool in WRITERS:
        live.path(f"/bin/{tool}").unlink()
    assert booted(live).active() == ALL
    place_open(live, GATE, 41, DEPLOY)
    assert booted(live).active() == ALL


def _quoted(script: str) -> str:
    return script.replace("'", "'\\''")


def act(generation: int) -> Act:
    """Live's own."""
    return Act(generation, DEPLOY, "run", "run")


def test_03_a_machine_from_a_backup_that_was_opened_by_hand(live: FakeMachine) -> None:
    """The README's way, then a release that dies after its placing, then a reboot of new live."""
    place_open(live, GATE, 41, DEPLOY)
    revived = booted(clone_of(live, "i-0d1"))
    assert revived.active() == set()
    revived.sh(f"rm {GENERATOR}; systemctl daemon-reload")
    revived.sh(
        "for unit in shop.service worker.service backup.timer; do systemctl start $unit; done"
    )
    place_open(revived, GATE, 44, "shop/20261129T010000Z-aaaaa")
    assert masked(revived) == set()
    assert booted(revived).active() == ALL
    assert booted(clone_of(revived, "i-0d2")).active() == set()


def test_05_a_list_that_was_purged_on_live(live: FakeMachine) -> None:
    """Configuration management purged /etc/deployer, somebody reloaded, then comes a release.

    The members of live's target must be masked on its clone.
    """
    gate = ActivationGate(app=("shop",), jobs=("many.target",))
    pulls(live, "many.target", "Wants", "member.service", "WantedBy")
    place_open(live, gate, 41, DEPLOY)
    live.sh(f"rm {STATE} {LIST}; systemctl daemon-reload")
    place_open(live, gate, 44, DEPLOY)
    assert "member.service" in masked(booted(clone_of(live)))


def test_06_what_is_on_the_disk_and_not_in_the_running_manager(live: FakeMachine) -> None:
    """A drop-in's Wants= without a daemon-reload: the clone's PID 1 reads the disk."""
    live.path("/bin/generate").rename(live.path("/bin/really-generate"))
    live.write("/disk/shop.service.Wants", "shop-mailer.service")
    live.write("/disk/shop-mailer.service.WantedBy", "shop.service")
    live.write(
        "/bin/generate",
        f"#!/bin/sh\ncp {live.root}/disk/* {live.root}/units/\nexec really-generate\n",
        0o755,
    )
    place_open(live, GATE, 41, DEPLOY)
    assert "shop-mailer.service" in masked(booted(clone_of(live)))


@pytest.mark.parametrize(
    ("job", "relation", "runs", "back"),
    [
        ("shop-jobs.target", "Wants", "member.service", "WantedBy"),
        ("shop-jobs.target", "Requires", "member.service", "RequiredBy"),
        ("report.timer", "Triggers", "report.service", "TriggeredBy"),
        ("inbox.path", "Triggers", "inbox.service", "TriggeredBy"),
        ("rpc.socket", "Triggers", "rpc@0-10.0.0.1:80-10.0.0.2:41.service", "TriggeredBy"),
    ],
)
def test_07_08_what_a_job_has_begun_stops_with_it(
    live: FakeMachine, job: str, relation: str, runs: str, back: str
) -> None:
    """Members without PartOf=, a run that a timer began an hour ago, a socket's instances."""
    gate = ActivationGate(app=("shop",), jobs=(job,))
    place_open(live, gate, 41, DEPLOY)
    pulls(live, job, relation, runs, back)
    live.flag(runs, "active")
    obey(live, gate, Act(42, DEPLOY, "run", "stop"))
    assert live.active() & {job, runs} == set()


def test_08_what_a_socket_has_begun_is_stopped_though_systemd_forgot_it(live: FakeMachine) -> None:
    """As systemd 252 does at a daemon-reload: `Triggers` of a socket with Accept=yes is empty."""
    gate = ActivationGate(app=("shop",), jobs=("rpc.socket",))
    place_open(live, gate, 41, DEPLOY)
    live.flag("rpc.socket", "Accept", "yes")
    for unit in ("rpc@0-128-0.service", "rpc@1-129-0.service", "rpcd.service"):
        live.flag(unit, "active")
    obey(live, gate, Act(42, DEPLOY, "run", "stop"))
    assert {one for one in live.active() if one.startswith("rpc")} == {"rpcd.service"}


def test_07_a_job_that_requires_the_app_takes_it_down(live: FakeMachine) -> None:
    """Only the worker refers to shop.service, which nobody enabled: it is the app all the same."""
    pulls(live, "worker.service", "Requires", "shop.service", "RequiredBy")
    place_open(live, GATE, 41, DEPLOY)
    assert "jobs shop.service" not in listed(live)
    obey(live, GATE, Act(42, DEPLOY, "run", "stop"))
    assert "shop.service" in live.active()


def test_09_a_service_that_is_started_by_its_timer_and_at_boot(live: FakeMachine) -> None:
    """The timer is gated: what it starts is the job, whoever else starts it."""
    pulls(live, "backup.timer", "Triggers", "backup.service", "TriggeredBy")
    live.flag("backup.service", "WantedBy", "multi-user.target")
    place_open(live, GATE, 41, DEPLOY)
    assert "backup.service" in masked(booted(clone_of(live)))


@pytest.mark.parametrize("spoil", ["chmod 644 {}", "ln -sf /dev/null {}", ": > {}", "rm {}"])
def test_11_a_generator_that_pid_1_does_not_run(live: FakeMachine, spoil: str) -> None:
    """Restored without its x bit, masked, emptied, removed: the next release places it anew."""
    place_open(live, GATE, 41, DEPLOY)
    live.sh(spoil.format(GENERATOR) + "; systemctl daemon-reload")
    place_open(live, GATE, 44, DEPLOY)
    assert booted(live).active() == ALL
    clone = booted(clone_of(live))
    assert clone.active() == set()
    verify_quarantine(clone, GATE)


@pytest.mark.parametrize("name", ["srv-shop\\x2ddata.mount", "shop@eu\\x2dwest.service", "a@b:c_d"])
def test_12_names_that_a_shell_would_mangle(live: FakeMachine, name: str) -> None:
    """systemd escapes with backslashes: they reach the mask, and the proof knows them again."""
    gate = ActivationGate(app=("shop", name), jobs=("worker",))
    place_open(live, gate, 41, DEPLOY)
    assert observe(live, gate).gated
    clone = booted(clone_of(live))
    assert set(gate.all) <= masked(clone)
    verify_quarantine(clone, gate)


def test_12_a_dot_in_a_name_is_no_wildcard(live: FakeMachine) -> None:
    """`shop.service` is not gated by a line that says `shopXservice`."""
    place_open(live, GATE, 41, DEPLOY)
    live.write(LIST, live.read(LIST).replace("app shop.service", "app shopXservice"))
    assert not observe(live, GATE).gated


@pytest.mark.parametrize(
    "state",
    [
        "",
        "instance=i-0",
        f"instance={SOURCE}\0\napp=1\njobs=1\n",
        f"instance={SOURCE}\r\napp=1\r\njobs=1\r\n",
        f"instance={SOURCE} i-0c1\napp=1\njobs=1\n",
        f"app=1\njobs=1\ninstance={SOURCE}\ninstance=i-0c\n",
        "instance=\napp=1\njobs=1\n",
    ],
)
def test_13_a_torn_or_odd_state_opens_no_clone(live: FakeMachine, state: str) -> None:
    """Whatever the file says, a machine that it does not name plainly is shut."""
    place_open(live, GATE, 41, DEPLOY)
    clone = clone_of(live)
    clone.write(STATE, state)
    assert booted(clone).active() == set()
    live.write(STATE, state)
    place_open(live, GATE, 44, DEPLOY)
    assert booted(live).active() == ALL


@pytest.mark.parametrize(
    "tag", ["I-0A1", "i-*", "i-0a11", "i-0a", "../i-0a1", "Not Specified", "i-0a1;", "i-0a1\\", " "]
)
def test_14_firmware_that_is_not_lives(live: FakeMachine, tag: str) -> None:
    """Nothing but live's very id opens what live was told."""
    place_open(live, GATE, 41, DEPLOY)
    live.firmware(tag)
    assert booted(live).active() == set()


def test_15_an_old_state_in_var_does_not_take_the_fence_back(live: FakeMachine) -> None:
    """/var is restored from the days of the older gate: what was obeyed since then holds on."""
    live.write("/var/lib/deployer/state", f"instance={SOURCE}\ngeneration=40\napp=1\njobs=1\n")
    obey(live, GATE, Act(50, DEPLOY, "run", "stop"))
    live.path("/var/lib/deployer/state").unlink()
    live.write("/var/lib/deployer/state", f"instance={SOURCE}\ngeneration=40\napp=1\njobs=1\n")
    with pytest.raises(StaleAct):
        obey(live, GATE, Act(45, DEPLOY, "run", "run"))
    assert booted(live).active() == {"shop.service"}


def test_17_a_job_that_left_the_configuration(live: FakeMachine) -> None:
    """`worker` is removed from jobs: a previous machine that is told so does not begin it."""
    obey(live, GATE, Act(41, DEPLOY, "run", "stop"))
    less = ActivationGate(app=("shop",), jobs=("backup.timer",))
    obey(live, less, Act(42, DEPLOY, "run", "stop"))
    assert booted(live).active() == {"shop.service"}


def test_20_a_machine_of_another_service(live: FakeMachine) -> None:
    """blog is born from an image of shop's machine: shop's units stay shut there, for good."""
    pulls(live, "backup.timer", "Triggers", "backup.service", "TriggeredBy")
    place_open(live, GATE, 41, DEPLOY)
    blog = ActivationGate(app=("blog",), jobs=("blog-worker",))
    clone = clone_of(live)
    clone.units = (*clone.units, "blog.service", "blog-worker.service")
    clone.boot(boot_script(blog))
    clone.flag("backup.timer", "enabled")
    obey(clone, blog, Act(3, "blog/20261129T020000Z-aaaaa", "run", "stop"))
    obey(clone, blog, Act(4, "blog/20261129T020000Z-aaaaa", "run", "run"))
    assert clone.active() == {"blog.service", "blog-worker.service"}
    clone.boot(boot_script(blog))
    assert clone.active() == {"blog.service", "blog-worker.service"}
    place_open(clone, blog, 9, "blog/20261129T020000Z-aaaaa")
    assert booted(clone).active() == {"blog.service", "blog-worker.service"}
    assert booted(clone_of(clone, "i-0c2")).active() == set()
