"""The gate taken off under a real sh: killed anywhere, live starts its units at the next boot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.errors import StaleAct
from reconciler.machine.activation_gate import (
    GENERATOR,
    LIST,
    LOCK,
    OLD_STATE,
    STATE,
    ActivationGate,
    boot_script,
)
from reconciler.machine.gate_placement import (
    USER_DATA,
    boot_state,
    place_open,
    removal_script,
    remove_gate,
)
from reconciler.machine.unit_control import Act, obey
from tests.fakes.machine import FakeMachine

GATE = ActivationGate(app=("shop",), jobs=("worker", "backup.timer"))
DEPLOY = "shop/20261123T031502Z-7kq2m"
ALL = {"shop.service", "worker.service", "backup.timer"}
STEP = re.compile(r"^( *)(?=(?:rm|mv|sync|systemctl|grep|printf|if) )", re.MULTILINE)


def machine_at(root: Path) -> FakeMachine:
    """Live with its gate, and with what an older version left."""
    machine = FakeMachine(root, "i-0a1", units=tuple(sorted(ALL)))
    machine.boot()
    place_open(machine, GATE, 41, DEPLOY)
    return machine


@pytest.fixture
def live(tmp_path: Path) -> FakeMachine:
    """Live with its gate."""
    return machine_at(tmp_path / "live")


@pytest.mark.parametrize("born", [True, False])
def test_killed_before_any_step_it_boots_and_is_finished(tmp_path: Path, *, born: bool) -> None:
    """After a kill and a reboot every unit runs; cloud-init acts on a machine of a release."""
    act = Act(42, "", "run", "run")
    steps = [found.end() for found in STEP.finditer(removal_script(act, born=born))]
    assert len(steps) > 8
    for at in steps:
        machine = machine_at(tmp_path / f"{at}")
        script = removal_script(act, born=born)
        line = script.rindex("\n", 0, at) + 1
        machine.sh(script[:line] + "kill -9 $$\n" + script[line:])
        machine.boot(boot_script(GATE), cloud_init=born)
        assert machine.active() == ALL, script[line:].partition("\n")[0]
        remove_gate(machine, 43, born=born)
        assert not machine.path(GENERATOR).exists()
        assert not machine.path(LIST).exists()


def test_nothing_stays_on_an_adopted_machine(live: FakeMachine) -> None:
    """No file, no folder, and no unit was started or stopped for it."""
    before = live.active()
    remove_gate(live, 42, born=False)
    assert live.active() == before
    for path in (GENERATOR, LIST, STATE, OLD_STATE, LOCK, "/etc/deployer", "/var/lib/deployer"):
        assert not live.path(path).exists(), path
    remove_gate(live, 42, born=False)
    live.boot(cloud_init=False)
    assert live.active() == ALL


def test_one_line_stays_where_the_user_data_would_shut_the_units(live: FakeMachine) -> None:
    """An adopted machine that once was a release's: its user data says so."""
    live.write(USER_DATA, f"#cloud-config\n{boot_script(GATE)}")
    remove_gate(live, 42, born=False)
    assert live.read(STATE) == "instance=i-0a1\n"
    live.boot(boot_script(GATE))
    assert live.active() == ALL
    obey(live, GATE, Act(1, DEPLOY, "run", "run"))


def test_a_machine_that_has_obeyed_something_newer_keeps_its_gate(live: FakeMachine) -> None:
    """A late removal must not open what is gated again."""
    with pytest.raises(StaleAct):
        remove_gate(live, 40, born=False)
    assert live.path(GENERATOR).exists()


def test_what_a_boot_would_not_start_is_told(live: FakeMachine) -> None:
    """A disabled unit that nothing pulls in, another service's unit, a gate that is shut."""
    for unit in ALL:
        live.flag(unit, "enabled")
    assert boot_state(live, GATE).asleep == ()
    live.path("/units/worker.service.enabled").unlink()
    assert boot_state(live, GATE).asleep == (("worker.service", "disabled"),)
    live.flag("worker.service", "TriggeredBy", "worker.timer")
    assert boot_state(live, GATE).asleep == ()
    live.write(LIST, live.path(LIST).read_text() + "other crm.service\nother gone.service\n")
    live.write("/etc/systemd/system/crm.service", "[Service]\n")
    assert boot_state(live, GATE).others == ("crm.service",)
    assert not boot_state(live, GATE).shut
    obey(live, GATE, Act(50, DEPLOY, "stop", "stop"))
    assert boot_state(live, GATE).shut
