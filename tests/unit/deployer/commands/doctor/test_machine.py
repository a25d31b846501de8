"""doctor looks the live machine over, by the way that a release takes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial

import pytest

from deployer.commands.doctor import command
from deployer.commands.doctor import machine as machine_checks
from deployer.commands.doctor.check import Check, Status
from deployer.commands.doctor.command import probed
from deployer.commands.doctor.readings import ServiceReadings
from deployer.provisioning.smoke_ports import refuse_closed_ports
from reconciler.errors import CannotConnect, NotTried
from reconciler.exit_codes import Exit
from tests.fakes.machine import FakeMachine
from tests.fakes.scene import Scene

pytestmark = pytest.mark.usefixtures("live")


def say(machine: FakeMachine, tool: str, text: str) -> None:
    """Let a program on the machine print this."""
    machine.write(f"/bin/{tool}", f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n", 0o755)


@pytest.fixture
def live(scene: Scene) -> FakeMachine:
    """Live with all that a release needs of its system."""
    machine = scene.reach.machine("i-17", "10.0.1.17")
    say(machine, "id", "0")
    say(machine, "cloud-init", "/usr/bin/cloud-init 24.1.3-0ubuntu1")
    say(machine, "df", "Filesystem 1K Used Free Use% On\n/dev/xvda1 8000000 1 4000000 9% /")
    machine.write("/var/lib/cloud/instance/datasource", "DataSourceEc2Local: DataSourceEc2Local\n")
    machine.write("/etc/cloud/cloud.cfg", "cloud_init_modules:\n - bootcmd\n - ssh\n")
    return machine


def checked(scene: Scene, **changes: object) -> Mapping[str, Check]:
    """Every check of the scene's service by its name; the last of several."""
    return {one.check: one for one in probed(ServiceReadings(scene.ports(**changes)))}


def test_a_service_without_faults_is_ready(scene: Scene) -> None:
    """Each check says what it has seen."""
    found = checked(scene)
    assert {one.status for one in found.values()} <= {Status.OK, Status.SKIPPED}, found
    assert found["cloud-init"].text == "version 24.1.3, DataSourceEc2Local"
    assert found["disk"].text == "3906 MB free on /"
    assert "root by sudo -n" in found["ssh"].text
    assert scene.did("swap", "create", "tag", "shut", "label") == []


def _no_cloud_init(live: FakeMachine) -> None:
    say(live, "cloud-init", "sh: 4: cloud-init: not found")


def _old_cloud_init(live: FakeMachine) -> None:
    say(live, "cloud-init", "cloud-init 0.7.5")


def _disabled(live: FakeMachine) -> None:
    live.write("/etc/cloud/cloud-init.disabled", "")


def _kept_cache(live: FakeMachine) -> None:
    live.write("/etc/cloud/cloud.cfg.d/99_image.cfg", "manual_cache_clean: True  # for the image\n")


def _no_user_data(live: FakeMachine) -> None:
    live.write("/etc/cloud/cloud.cfg.d/99_image.cfg", "allow_userdata: false\n")


def _no_module(live: FakeMachine) -> None:
    live.write("/etc/cloud/cloud.cfg", "cloud_init_modules:\n - bootcmd\n - set_hostname\n")


def _no_cloud(live: FakeMachine) -> None:
    live.write("/var/lib/cloud/instance/datasource", "DataSourceNoCloud: DataSourceNoCloud\n")


def _full(live: FakeMachine) -> None:
    say(live, "df", "Filesystem 1K Used Free Use% On\n/dev/xvda1 8000000 1 9000 99% /")


def _old_systemd(live: FakeMachine) -> None:
    text = live.path("/bin/systemctl").read_text()
    script = text.replace("case $verb in", 'case $verb in\n  --version) echo "systemd 219" ;;', 1)
    live.path("/bin/systemctl").write_text(script)


def _no_root(live: FakeMachine) -> None:
    say(live, "id", "1000")


@pytest.mark.parametrize(
    ("strike", "check", "says", "cure"),
    [
        (_no_cloud_init, "cloud-init", "cloud-init is not on i-17", "install cloud-init"),
        (_old_cloud_init, "cloud-init", "cloud-init 0.7.5 on i-17: 0.7.9 or newer", "upgrade"),
        (_disabled, "cloud-init", "cloud-init.disabled stands there", "rm -f /etc/cloud"),
        (_kept_cache, "cloud-init", "says `manual_cache_clean: True", "take that line out of"),
        (_no_user_data, "cloud-init", "says `allow_userdata: false`", "take that line out of"),
        (_no_module, "cloud-init", "does not run its module ssh", "cloud_init_modules"),
        (_no_cloud, "cloud-init", "from DataSourceNoCloud, not from EC2", "datasource_list"),
        (_full, "disk", "/ on i-17 has 9000 kB left", "du -xh"),
        (_old_systemd, "systemd", "systemd 219 on i-17: 229 or newer", "newer distribution"),
        (_no_root, "ssh", "sudo on i-17 does not act as root", "NOPASSWD"),
    ],
)
def test_what_would_fail_a_clone_is_named(
    scene: Scene,
    live: FakeMachine,
    strike: Callable[[FakeMachine], None],
    check: str,
    says: str,
    cure: str,
) -> None:
    """One line, with the cure and the exit code of a refusal; the other checks stay as they are."""
    strike(live)
    found = checked(scene)
    assert says in found[check].text
    assert cure in found[check].cure
    assert {name: one.code for name, one in found.items() if one.code} == {check: Exit.REFUSED}


def test_a_machine_that_does_not_answer_is_named_once(scene: Scene) -> None:
    """What follows from it is skipped, and says so."""
    scene.reach.down["i-17"] = CannotConnect("no route to i-17", kind="no-route")
    found = checked(scene)
    assert (found["ssh"].status, found["ssh"].text) == (Status.FAIL, "no route to i-17")
    for name in ("systemd", "cloud-init", "disk", "tools"):
        assert found[name].text.startswith("skipped because the live machine could not be read")


def test_machines_that_are_not_to_be_reached_are_skipped(scene: Scene) -> None:
    """`reach.machines = false` is no failure, and no success either."""
    scene.reach.down["i-17"] = NotTried("reach.machines = false in reconciler.toml")
    found = checked(scene)
    assert found["ssh"].text == "skipped because reach.machines = false in reconciler.toml"
    assert found["smoke"].status is Status.SKIPPED
    assert [one for one in found.values() if one.code] == []


def test_smoke_tests_must_pass_on_live(scene: Scene) -> None:
    """A wrong path would give up every release after its freeze."""
    found = checked(scene, smoke=[{"command": "exit 7"}])
    assert (found["smoke"].status, found["smoke"].code) == (Status.FAIL, Exit.FAILED)
    assert "every release would be given up" in found["smoke"].text
    assert "[[smoke]]" in found["smoke"].cure


def test_what_else_acts_is_a_warning_each(scene: Scene, live: FakeMachine) -> None:
    """A line each, named, so that it can be gated; it is no reason to refuse."""
    live.write("/etc/cron.d/mine", "@reboot root true\n")
    live.write("/var/lib/systemd/linger/ann", "")
    lines = [one for one in probed(ServiceReadings(scene.ports())) if one.check == "units"]
    assert [one.status for one in lines] == [Status.OK, Status.WARN, Status.WARN]
    assert "@reboot lines of /etc/cron.d/mine" in lines[1].text
    assert "user units of ann" in lines[2].text


def test_who_a_clone_would_be_taken_for_is_said(scene: Scene, live: FakeMachine) -> None:
    """The machine id is made anew; an agent's own identity only by a line of `[image] clean`."""
    live.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    live.write("/etc/salt/minion_id", "shop-17")
    live.write("/var/lib/teleport/host_uuid", "7")
    clean = ["rm -f /etc/salt/minion_id && systemctl restart salt-minion"]
    ready = ServiceReadings(scene.ports(image={"clean": clean}))
    ok, warned = [one for one in probed(ready) if one.check == "identity"]
    assert ok.text == "new on each clone: machine id, /etc/salt/minion_id (Salt)"
    assert "/var/lib/teleport/host_uuid on i-17: Teleport" in warned.text
    assert (warned.status, warned.code) == (Status.WARN, Exit.DONE)
    assert 'clean = ["rm -rf /var/lib/teleport/host_uuid"]' in warned.cure


def test_a_port_that_is_closed_to_us_is_named_as_such(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence is no fault of the app: the cure is a rule of a security group."""

    def silent(address: tuple[str, int], timeout: float) -> None:
        raise TimeoutError(f"{address} {timeout}")

    asked = partial(refuse_closed_ports, connect=silent)
    monkeypatch.setattr(machine_checks, "refuse_closed_ports", asked)
    found = checked(scene, smoke=[{"command": "exit 7"}, {"http": "/", "port": 8443}])
    assert "port 8443 of 10.0.1.17 from here, and it cannot be reached" in found["smoke"].text
    assert "security group" in found["smoke"].cure


def test_the_checks_are_made_side_by_side(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for all the others; their lines come in the order of a release."""
    together = threading.Barrier(3, timeout=20)

    def probe(_: ServiceReadings) -> str:
        together.wait()
        return "met the others"

    monkeypatch.setattr(command, "PROBES", [(name, probe) for name in ("one", "two", "three")])
    found = [*probed(ServiceReadings(scene.ports()))]
    assert [(one.check, one.text) for one in found] == [
        (name, "met the others") for name in ("one", "two", "three")
    ]
