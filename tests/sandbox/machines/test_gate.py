"""The imitated systemd does for the gate what the real one does: tried on both, one table."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.sandbox.machines.process.journal import Journal
from reconciler.machine.activation_gate import ActivationGate, boot_script
from reconciler.machine.clone_check import quarantine_script
from reconciler.machine.gate_placement import place_script
from reconciler.machine.unit_control import Act, obey_script
from tests.sandbox.machines.lab import Client, Lab, wait_for

pytestmark = pytest.mark.timeout(240)

GATE = ActivationGate(
    app=("shop", "also", "many.target", "main", "override"),
    jobs=("worker", "once", "nightly.timer"),
)
TOLD = ActivationGate(app=GATE.app, jobs=("worker", "nightly.timer"))
DEPLOY = "shop/20261123T031502Z-7kq2m"
WANTED = "\n[Install]\nWantedBy=multi-user.target\n"
UNITS = {
    "shop.service": WANTED,
    "real.service": f"{WANTED}Alias=also.service\n",
    "member.service": "[Install]\nWantedBy=many.target\n",
    "main.service": f"[Unit]\nRequires=dep.service\nAfter=dep.service\nWants=side.service{WANTED}",
    "dep.service": "",
    "side.service": "",
    "override.service": WANTED,
    "worker.service": WANTED,
    "once.service": f"Type=oneshot\nExecStart=\nExecStart=/bin/act once\n{WANTED}",
    "nightly.service": "",
    "outside.service": WANTED,
}
TARGETS = {
    "many.target": WANTED,
    "nightly.timer": "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n",
}
_ENABLED = "shop real member main override worker once outside many.target nightly.timer"
APP = {"shop", "real", "member", "main", "dep", "side", "override"}
EVERYONE = APP | {"worker", "once", "outside"}


def production(lab: Lab) -> tuple[str, Client]:
    """A machine with units of each kind, each of which writes down that it acted; rebooted."""
    machine = lab.boot()
    client = lab.connect(machine)
    script = "#!/bin/sh\\necho \\$1 >> /run/acts\\n[ \\$1 = once ] || exec sleep 1000\\n"
    files = [f'printf "{script}" > /usr/local/bin/act; chmod 755 /usr/local/bin/act']
    for name, more in UNITS.items():
        stem = name.removesuffix(".service")
        text = f"[Service]\nExecStart=/usr/local/bin/act {stem}\n{more}"
        files.append(f"cat > /etc/systemd/system/{name} <<'X'\n{text}X")
    files += [f"cat > /etc/systemd/system/{name} <<'X'\n{text}X" for name, text in TARGETS.items()]
    files.append(
        "sed -i 's#/bin/act once#/usr/local/bin/act once#' /etc/systemd/system/once.service"
    )
    files.append(
        "mkdir /etc/systemd/system/override.service.d; printf '[Unit]\\nConditionPathExists=\\n' > "
        "/etc/systemd/system/override.service.d/override.conf"
    )
    as_root(client, "\n".join([*files, f"systemctl enable {_ENABLED}"]))
    return machine, rebooted(lab, machine)


def rebooted(lab: Lab, machine: str) -> Client:
    """The machine after a reboot."""
    lab.machines.reboot(machine)
    lab.await_up(machine)
    return lab.connect(machine)


def as_root(client: Client, script: str) -> str:
    """What a script of ours prints; it must succeed."""
    done = client.run("sudo sh -s", script.encode())
    assert done.code == 0, done
    return done.out


def acted(client: Client) -> set[str]:
    """Who has acted in this boot."""
    return set(client.run("cat /run/acts").out.split())


def test_what_acts_on_live_and_on_its_clones(lab: Lab) -> None:
    """The table of units that also runs on a real systemd: who may act, on which machine.

    The clones boot without a word of ours in their user data: as if cloud-init did not act.
    """
    machine, live = production(lab)
    wait_for(lambda: acted(live) == EVERYONE)
    as_root(live, place_script(GATE, Act(41, DEPLOY, "run", "run")))
    assert live("systemctl is-active shop worker member nightly.timer").split() == ["active"] * 4
    live = rebooted(lab, machine)
    wait_for(lambda: acted(live) == EVERYONE)

    clone_id = lab.boot(image=lab.image_of(machine))
    clone = lab.connect(clone_id)
    wait_for(lambda: "outside" in acted(clone))
    assert acted(clone) == {"outside"}
    assert as_root(clone, quarantine_script(GATE)) == ""
    for name in ("shop", "real", "also", "dep", "member", "nightly"):
        assert clone.run(f"sudo systemctl start {name}").code == 1

    as_root(clone, obey_script(TOLD, Act(42, DEPLOY, "run", "stop")))
    wait_for(lambda: acted(clone) == APP | {"outside"})
    clone = rebooted(lab, clone_id)
    wait_for(lambda: acted(clone) == APP | {"outside"})
    as_root(clone, obey_script(TOLD, Act(43, DEPLOY, "stop", "stop")))
    states = clone.run("systemctl is-active shop real member main dep side override").out
    assert set(states.split()) == {"inactive"}

    later = lab.connect(lab.boot(image=lab.image_of(clone_id)))
    wait_for(lambda: "outside" in acted(later))
    assert acted(later) == {"outside"}


def test_an_image_without_a_gate_is_found_out(lab: Lab) -> None:
    """Whatever was quicker than bootcmd is stopped and named, the ended oneshot as well."""
    _, live = production(lab)
    wait_for(lambda: acted(live) == EVERYONE)
    as_root(live, boot_script(GATE))
    said = as_root(live, quarantine_script(GATE))
    for name in APP | {"worker", "once"}:
        assert f"unit {name}.service has run since boot" in said
    assert "outside" not in said
    assert "nightly.service" not in said


def test_a_machine_knows_its_id_by_its_firmware(lab: Lab) -> None:
    """It lies on no disk: a clone has its own, and root cannot write it."""
    machine = lab.boot()
    tag = "/sys/class/dmi/id/board_asset_tag"
    client = lab.connect(machine)
    assert client(f"cat {tag}") == machine
    assert client.run(f"sudo sh -c 'echo i-0 > {tag}'").code != 0
    clone = lab.boot(image=lab.image_of(machine))
    assert lab.connect(clone)(f"cat {tag}") == clone


def test_enable_refuses_what_is_masked_early(client: Client) -> None:
    """As systemd 252 does: the link in generator.early wins over the file in /etc."""
    as_root(
        client,
        "cd /etc/systemd; mkdir -p system-generators\n"
        "printf '#!/bin/sh\\nln -s /dev/null $2/app.service\\n' > system-generators/g\n"
        "chmod 755 system-generators/g\n"
        f"printf '[Service]\\nExecStart=/bin/true\\n{WANTED}' > /etc/systemd/system/app.service\n",
    )
    client("sudo systemctl start app")  # not before the reload
    client("sudo systemctl daemon-reload")
    done = client.run("sudo systemctl enable app")
    assert (done.code, "generator.early/app.service is masked" in done.err) == (1, True)
    assert client.run("systemctl is-enabled app").out == "masked-runtime\n"
    assert client("systemctl show --value -p LoadState app") == "masked"


def test_what_is_not_imitated_is_refused(client: Client) -> None:
    """A dependency passed over in silence would let a test see what no machine does."""
    text = "[Unit]\nUpholds=b.service\n[Service]\nExecStart=/bin/true\n"
    client.run("sudo tee /etc/systemd/system/app.service", text.encode())
    done = client.run("sudo systemctl start app")
    assert (done.code, "does not imitate Upholds=" in done.err) == (1, True)
    done = client.run("journalctl _PID=1")
    assert (done.code, "cannot look for _PID" in done.err) == (1, True)
    assert client.run("journalctl --vacuum-time=1d").code == 1


def test_the_journal_of_this_boot_has_no_earlier_ones(lab: Lab) -> None:
    """-b: what an earlier boot, or the machine that was copied, wrote is left out."""
    machine = lab.boot()
    client = lab.connect(machine)
    text = "[Service]\nType=oneshot\nExecStart=/bin/echo hello\n"
    client.run("sudo tee /etc/systemd/system/app.service", text.encode())
    client("sudo systemctl start app")
    assert "hello" in client("journalctl -b -u app")
    match = (
        "UNIT=app.service MESSAGE_ID=39f53479d3a045ac8e11786248231fbf + _SYSTEMD_UNIT=app.service"
    )
    assert client(f"journalctl -b -q {match}").count("\n") == 1
    client = rebooted(lab, machine)
    assert "hello" not in client("journalctl -b -u app")
    assert client(f"journalctl -b -q {match}") == ""
    assert "hello" in client("journalctl -u app")


def test_a_journal_that_began_anew_is_of_this_boot(tmp_path: Path) -> None:
    """A file shorter than it was before the boot has nothing earlier in it."""
    journal = Journal(tmp_path)
    journal.note("app", "a long line of an earlier boot")
    journal.begin_boot()
    (tmp_path / "app.log").write_text("new\n")
    assert journal.lines("app", this_boot=True) == ["new\n"]
