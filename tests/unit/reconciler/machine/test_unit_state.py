"""The configured units as a machine knows them: what is refused, and what else is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.unit_state import (
    Known,
    ask_script,
    digest,
    first_words,
    problems,
    read,
    warnings,
)
from tests.fakes.machine import FakeMachine

FILES = ("big-tick.service", "shop.service", "backup.service", "backup.timer", "cron.service")


def known(unit: str, **facts: str) -> Known:
    """One unit as a machine knows it, beside the files above."""
    usual = {"Id": unit, "LoadState": "loaded", "Type": "simple", "RemainAfterExit": "no"}
    return Known("i-17", {unit: usual | facts}, FILES)


@pytest.mark.parametrize(
    ("unit", "facts", "says"),
    [
        ("big-tik.service", {"LoadState": "not-found"}, "did you mean big-tick.service?"),
        ("nothing.service", {"LoadState": "not-found"}, "is not on i-17"),
        ("shop.service", {"LoadState": "masked"}, "is masked on i-17"),
        ("shop.service", {"LoadState": "bad-setting"}, "does not load on i-17 (bad-setting)"),
        ("sshd.service", {"Id": "ssh.service"}, "is another name of ssh.service: name ssh.service"),
        ("backup.service", {"Type": "oneshot"}, "name its timer, backup.timer"),
        ("job@.service", {"Id": "", "LoadState": ""}, "name an instance of it, job@NAME"),
        ("app.slice.service", {"LoadState": "not-found"}, "a slice cannot be kept from starting"),
        ("sdb.device.service", {"LoadState": "not-found"}, "a device cannot be kept"),
        ("run-1.scope.service", {"LoadState": "not-found"}, "a scope cannot be kept"),
    ],
)
def test_what_cannot_be_gated_is_named(unit: str, facts: dict[str, str], says: str) -> None:
    """By the unit's own name, with what to name instead."""
    (found,) = problems(ActivationGate(("shop",), (unit,)), known(unit, **facts))[-1:]
    assert (found.unit, says in found.text) == (unit, True), found.text
    assert first_words([found]).startswith(unit)


@pytest.mark.parametrize(
    ("unit", "facts"),
    [
        ("shop.service", {}),
        ("job@nightly.service", {}),
        ("backup.timer", {"Type": ""}),
        ("once.service", {"Type": "oneshot", "RemainAfterExit": "yes"}),
    ],
)
def test_what_systemd_knows_passes(unit: str, facts: dict[str, str]) -> None:
    """An instance of a template, a timer, and a oneshot that stays active are units like others."""
    assert problems(ActivationGate((unit,)), known(unit, **facts)) == ()


def test_a_unit_of_which_nothing_was_said_is_refused() -> None:
    """Unknown is not well."""
    assert problems(ActivationGate(("shop",)), Known("i-17", {}))


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """A machine with units of its owner's beside the distribution's."""
    one = FakeMachine(tmp_path / "live")
    one.write("/bin/dpkg", "#!/bin/sh\nexit 1\n", 0o755)
    one.write("/bin/rpm", "#!/bin/sh\nexit 1\n", 0o755)
    one.write("/units/files", "shop.service enabled enabled\nbig-tick.service enabled enabled\n")
    return one


def enable(machine: FakeMachine, unit: str, file: str) -> None:
    """Write a unit's file and the link that `enable` makes."""
    machine.write(file, "[Service]\nExecStart=/bin/true\n")
    link = machine.path(f"/etc/systemd/system/multi-user.target.wants/{unit}")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(machine.path(file))


def asked(machine: FakeMachine, gate: ActivationGate) -> Known:
    """What the script says there."""
    done = machine.sh(ask_script(gate))
    assert done.returncode == 0, done.stderr
    return read("i-17", done.stdout.decode().replace(str(machine.root), ""))


def test_the_machine_is_asked(machine: FakeMachine) -> None:
    """Each configured unit's state, and the names of all unit files."""
    machine.flag("big-tik.service", "LoadState", "not-found")
    gate = ActivationGate(("shop",), ("big-tik",))
    found = asked(machine, gate)
    assert found.facts["shop.service"]["LoadState"] == "loaded"
    assert found.files == ("shop.service", "big-tick.service")
    assert [one.unit for one in problems(gate, found)] == ["big-tik.service"]


def test_what_else_acts_is_named(machine: FakeMachine) -> None:
    """Units of people's own, @reboot lines, rc.local, lingering users; no command is shown."""
    enable(machine, "mailer.service", "/etc/systemd/system/mailer.service")
    enable(machine, "job@1.service", "/srv/job@.service")
    enable(machine, "shop.service", "/etc/systemd/system/shop.service")
    machine.write("/etc/cron.d/mine", "  @reboot root curl https://user:secret@api\n")
    machine.write("/etc/cron.d/plain", "5 4 * * * root true\n")
    machine.write("/etc/rc.local", "#!/bin/sh\n", 0o755)
    machine.write("/var/lib/systemd/linger/alice", "")
    gate = ActivationGate(("shop",))
    found = asked(machine, gate)
    assert "secret" not in str(found)
    said = warnings(gate, found)
    assert [one.split(" act")[0] for one in said] == [
        "job@1.service",
        "mailer.service",
        "the @reboot lines of /etc/cron.d/mine",
        "the lines of /etc/cron.d/plain",
        "/etc/rc.local",
        "user units of alice (linger)",
    ]


def test_the_distributions_own_is_not_named(machine: FakeMachine) -> None:
    """What a package brought acts on every machine of that distribution, and nobody minds."""
    enable(machine, "ntp.service", "/etc/systemd/system/ntp.service")
    machine.write("/etc/cron.d/e2scrub_all", "30 3 * * 0 root true\n")
    machine.write("/bin/dpkg", "#!/bin/sh\nexit 0\n", 0o755)
    assert warnings(ActivationGate(("shop",)), asked(machine, ActivationGate(("shop",)))) == ()


def test_reboot_lines_of_a_gated_cron_run_on_a_new_live(machine: FakeMachine) -> None:
    """Gated, cron runs them when it first starts on a machine: that is said."""
    machine.write("/etc/cron.d/mine", "@reboot root true\n")
    machine.write("/etc/cron.d/plain", "# every night\n@daily root true\n")
    gate = ActivationGate(("shop",), ("cron",))
    assert warnings(gate, asked(machine, gate)) == (
        "the @reboot lines of /etc/cron.d/mine run when cron.service first starts on a new live",
    )


def test_the_digest_is_of_the_set() -> None:
    """Another unit, or the same one in another part, is another set; the order is not."""
    one = digest(ActivationGate(("a", "b"), ("c",)))
    assert one == digest(ActivationGate(("b.service", "a"), ("c",)))
    others = [
        ActivationGate(("a", "b")),
        ActivationGate(("a",), ("b", "c")),
        ActivationGate(("a", "b"), ("c", "d")),
    ]
    assert len({one, *map(digest, others)}) == 4
    assert digest(None) == ""
