"""A unit that live does not know is refused before anything is made, by every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.checks.live_units import refuse_not_brought
from deployer.commands.adopt import adopt
from deployer.commands.doctor.machine import units
from deployer.commands.doctor.readings import ServiceReadings
from deployer.output.preview import preview_json, preview_lines
from deployer.release.preview import preview
from reconciler.errors import CannotConnect, NotTried, Refused, ToolError
from reconciler.machine.activation_gate import ActivationGate
from tests.fakes.machine import FakeMachine
from tests.fakes.scene import Scene
from tests.support.guarded import guarded
from tests.unit.deployer.commands.test_adopt import ADDRESS, KEY, MACHINE, yes

TYPO = {"units": ["shop"], "jobs": ["big-tik"], "env_file": "/etc/shop/env"}


@pytest.fixture
def typo(scene: Scene) -> Scene:
    """Live runs big-tick; the configuration says big-tik."""
    live = scene.reach.machine("i-17", "10.0.1.17")
    live.flag("big-tik.service", "LoadState", "not-found")
    live.write("/units/files", "shop.service enabled\nbig-tick.service enabled\n")
    return scene


def test_a_mistyped_job_is_refused_by_the_guard(typo: Scene) -> None:
    """By name, with the unit that was meant; nothing was made."""
    with pytest.raises(Refused, match=r"big-tik\.service is not on i-17: did you mean") as refused:
        guarded(typo, app=TYPO)
    assert "big-tick.service" in refused.value.message
    assert "--despite big-tik.service" in refused.value.cure
    assert typo.did("swap", "create", "run", "stop", "label") == []


def test_a_unit_that_the_release_brings_is_accepted_by_name(typo: Scene) -> None:
    """It is on no machine yet: said so, the release goes on."""
    assert guarded(typo, "big-tik", app=TYPO) == []
    assert guarded(typo, "big-tik.service", app=TYPO) == []


def test_a_plan_says_what_would_be_refused(typo: Scene) -> None:
    """`deployer plan` shows the same words."""
    assert "big-tick.service" in "\n".join(preview_lines(preview(typo.ports(app=TYPO))))


def test_a_plan_names_what_acts_on_every_clone(scene: Scene) -> None:
    """Beside the plan, for people and for programs."""
    scene.reach.machine("i-17", "10.0.1.17").write("/etc/cron.d/mine", "@reboot root true\n")
    one = preview(scene.ports())
    assert any("@reboot lines of /etc/cron.d/mine act" in line for line in preview_lines(one))
    assert preview_json(one)["notes"] == list(one.notes) != []
    assert guarded(scene) == list(one.notes)


def test_a_live_machine_that_does_not_answer_is_no_machine_without_faults(scene: Scene) -> None:
    """Unknown is refused; who knows better says so of that machine."""
    scene.reach.down["i-17"] = CannotConnect("no route", kind="no-route")
    with pytest.raises(Refused, match=r"i-17.*: no route") as refused:
        guarded(scene)
    assert "--despite i-17" in refused.value.cure
    assert guarded(scene, "i-17") == []


@pytest.mark.parametrize("label", ["look the units up", "read the asset tag"])
def test_a_session_that_is_cut_once_is_no_refusal(scene: Scene, label: str) -> None:
    """What only reads is asked again over a new session; cut twice, it is refused as unknown."""
    machine = scene.reach.machine("i-17", "10.0.1.17")
    machine.cuts.append(label)
    assert guarded(scene) == []
    assert (machine.cuts, scene.did(label)) == ([], [f"{label} on i-17"] * 2)
    machine.cuts += [label] * 2
    with pytest.raises(Refused, match="the SSH session died"):
        guarded(scene)


def test_where_machines_are_not_to_be_reached_nothing_is_asked(scene: Scene) -> None:
    """`reach.machines = false`: then nobody is told anything either."""
    scene.reach.down["i-17"] = NotTried("reach.machines = false in reconciler.toml")
    one = preview(scene.ports())
    assert one.refusal is None
    assert not [note for note in one.notes if "unit" in note]


def test_adopt_refuses_before_the_ledger_is_written(tmp_path: Path) -> None:
    """A machine under a ledger whose worker is on no gate would be cloned at the next release."""
    scene = Scene(tmp_path, ())
    scene.ledgers.zone.texts.clear()
    scene.ledgers.point(scene.address, ADDRESS)
    scene.heap.add([MACHINE])
    scene.connector.keys[ADDRESS] = KEY
    machine = scene.connector.at[ADDRESS] = scene.reach.machine("i-prod", ADDRESS)
    machine.flag("big-tik.service", "LoadState", "not-found")
    with pytest.raises(Refused, match=r"big-tik\.service is not on i-prod"):
        adopt(scene.ports(app=TYPO), yes)
    assert scene.did("swap", "tag") == []
    assert adopt(scene.ports(), yes).instance.id == "i-prod"


def test_doctor_looks_the_units_up(typo: Scene) -> None:
    """The same refusal, as a check that failed; and a count where all is well."""
    with pytest.raises(Refused, match="did you mean"):
        units(ServiceReadings(typo.ports(app=TYPO)))
    assert units(ServiceReadings(typo.ports())).text == "2 units looked up on live"


def test_a_oneshot_among_the_jobs_is_refused(scene: Scene) -> None:
    """It would run at every sweep: its timer is what is to be named."""
    live = scene.reach.machine("i-17", "10.0.1.17")
    live.flag("backup.service", "Type", "oneshot")
    live.write("/units/files", "backup.timer enabled\n")
    with pytest.raises(Refused, match=r"name its timer, backup\.timer"):
        guarded(scene, app={**TYPO, "jobs": ["backup"]})


def test_a_unit_that_the_release_does_not_bring_ends_it(tmp_path: Path) -> None:
    """It was accepted by name, and no file of it came: no clone would be gated by that name."""
    machine = FakeMachine(tmp_path / "clone")
    gate = ActivationGate(("shop",), ("shop-mailer",))
    with pytest.raises(ToolError, match=r"shop-mailer\.service is not there"):
        refuse_not_brought(gate, [machine], frozenset({"shop-mailer"}))
    machine.write("/etc/systemd/system/shop-mailer.service", "[Service]")
    refuse_not_brought(gate, [machine], frozenset({"shop-mailer"}))
