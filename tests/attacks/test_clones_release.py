"""Attacks on what a release and a sweep do about clones: `docs/attacks-clones.md`."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.checks.live_units import gate_of, refuse_not_brought
from deployer.commands.adopt import adopt
from reconciler.errors import CommandFailed, Refused, ToolError
from reconciler.machine.activation_gate import GENERATOR, LIST, STATE
from reconciler.machine.gate_placement import place_open
from reconciler.machine.unit_control import Act, obey
from reconciler.model import tags as t
from tests.fakes.scene import Scene
from tests.fakes.service_access import ToldMachine
from tests.support.guarded import guarded
from tests.support.shop_world import ALL, DEAD, GATE, LIVE, OLD
from tests.unit.deployer.commands.test_adopt import ADDRESS, KEY, MACHINE

TYPO = {"units": ["shop"], "jobs": ["big-tik"], "env_file": "/etc/shop/env"}
ETC = "/etc/systemd/system"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean; live's machine is i-17, the previous one i-9."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


def live_of(scene: Scene) -> ToldMachine:
    """The machine of the live deploy."""
    return scene.reach.machine("i-17", "10.0.1.17")


def link(machine: ToldMachine, unit: str, wants: str) -> None:
    """Enable a unit as `systemctl enable` does."""
    machine.write(f"{ETC}/{unit}", "[Service]\nExecStart=/bin/true\n")
    machine.path(f"{ETC}/{wants}").mkdir(parents=True, exist_ok=True)
    machine.path(f"{ETC}/{wants}/{unit}").symlink_to(machine.path(f"{ETC}/{unit}"))


def mistyped(scene: Scene) -> ToldMachine:
    """Live runs big-tick; the configuration says big-tik."""
    live = live_of(scene)
    live.flag("big-tik.service", "LoadState", "not-found")
    live.write("/units/files", "shop.service enabled\nbig-tick.service enabled\n")
    return live


def test_01_despite_lets_no_mistyped_job_act(scene: Scene) -> None:
    """The refusal's own cure, to the letter: big-tick would act on the clone."""
    link(mistyped(scene), "big-tick.service", "multi-user.target.wants")
    with pytest.raises(Refused, match=r"but big-tick\.service is, which acts") as refused:
        guarded(scene, "big-tik.service", app=TYPO)
    assert "--despite" not in refused.value.cure
    assert scene.did("swap", "create", "run", "stop", "label") == []


def test_01_what_despite_promised_is_there_before_anything_of_live_is_touched(
    scene: Scene,
) -> None:
    """Where the true name is a package's own, the release ends after its install, not past it."""
    gate, clone = gate_of(scene.ports(app=TYPO)), scene.reach.machine("i-0c1")
    with pytest.raises(ToolError, match=r"big-tik\.service is not there: this release"):
        refuse_not_brought(gate, [clone], frozenset({"big-tik"}))
    clone.write(f"{ETC}/big-tik.service", "[Service]\nExecStart=/bin/true\n")
    refuse_not_brought(gate, [clone], frozenset({"big-tik"}))


def restore_etc(machine: ToldMachine, state: str) -> None:
    """/etc as it was on another day; then a reboot."""
    machine.write(STATE, state)
    machine.units = GATE.all
    machine.boot(cloud_init=False)


@pytest.mark.xfail(strict=True, reason="no sweep asks a machine what it remembers and runs")
def test_04_a_retired_machine_whose_etc_was_restored(scene: Scene) -> None:
    """It was live once, and takes itself for that again: jobs on two releases, and "Clean."."""
    old = scene.reach.machine("i-9", "10.0.1.9")
    obey(old, GATE, Act(40, str(OLD), "run", "run"))
    was = old.read(STATE)
    obey(old, GATE, Act(44, str(OLD), "run", "stop"))
    restore_etc(old, was)
    assert "shop-worker.service" in old.active()
    done = scene.sweep()
    assert "shop-worker.service" not in old.active() or not done.clean


def test_04_05_a_machine_without_the_tag_is_told_anew(scene: Scene) -> None:
    """The cure of README and bad-days: empty the tag `deploy-units`, and sweep."""
    live, old = live_of(scene), scene.reach.machine("i-9", "10.0.1.9")
    restore_etc(old, f"instance=i-9\ndeploy={OLD}\ngeneration=40\napp=1\njobs=1\n")
    place_open(live, GATE, 44, str(LIVE))
    live.sh(f"rm {STATE}; systemctl daemon-reload; systemctl stop shop.service")
    for one in ("i-9", "i-17"):
        scene.heap.change(one, tags={t.UNITS: ""})
    assert scene.sweep().clean
    assert old.active() == {"shop.service"}
    assert live.active() == set(GATE.all)


@pytest.mark.xfail(strict=True, reason="no sweep asks a machine what it remembers and runs")
def test_05_live_whose_state_was_purged(scene: Scene) -> None:
    """Masked by somebody else's daemon-reload: it cannot restart, and sweeps say nothing."""
    live = live_of(scene)
    place_open(live, GATE, 44, str(LIVE))
    live.sh(f"rm {STATE}; systemctl daemon-reload; systemctl stop shop.service")
    done = scene.sweep()
    assert "shop.service" in live.active() or not done.clean


def test_05_a_release_says_who_keeps_live_shut(scene: Scene) -> None:
    """To "unmask it there" would help nobody: no `systemctl unmask` reaches the gate's links."""
    live = live_of(scene)
    place_open(live, GATE, 44, str(LIVE))
    live.sh(f"rm {STATE}; systemctl daemon-reload")
    with pytest.raises(Refused, match=r"shut by the gate on i-17.*lost /etc/deployer/state") as no:
        guarded(scene)
    assert f"rm {GENERATOR}" in no.value.cure
    live.sh(f"rm {GENERATOR}; systemctl daemon-reload")
    assert guarded(scene) == []


def test_03_a_clone_started_by_hand_is_not_adopted_shut(tmp_path: Path) -> None:
    """Its units are masked: adopted so, it would be live and dead; the words lead out of it."""
    scene = Scene(tmp_path, ())
    scene.ledgers.zone.texts.clear()
    scene.ledgers.point(scene.address, ADDRESS)
    scene.heap.add([MACHINE])
    scene.connector.keys[ADDRESS] = KEY
    source = scene.reach.machine("i-0dead", ADDRESS)
    place_open(source, GATE, 44, str(LIVE))
    machine = scene.reach.machine("i-prod", ADDRESS)
    for path in (STATE, LIST, GENERATOR):
        text = source.path(path).read_text().replace(str(source.root), str(machine.root))
        machine.write(path, text, 0o755)
    scene.connector.at[ADDRESS] = machine
    machine.boot(cloud_init=False)
    with pytest.raises(Refused, match="shut by the gate") as refused:
        adopt(scene.ports(), lambda _: True)
    assert f"rm {GENERATOR}" in refused.value.cure
    assert scene.did("swap", "tag") == []
    machine.sh(f"rm {GENERATOR}; systemctl daemon-reload")
    assert adopt(scene.ports(), lambda _: True).instance.id == "i-prod"


@pytest.mark.parametrize(
    "path", ["/etc/systemd/system.control/shop-worker.service", "/run/systemd/system.control/x"]
)
def test_10_a_unit_where_no_mask_reaches_is_refused(scene: Scene, path: str) -> None:
    """systemd prefers system.control to generator.early: such a unit starts on every clone."""
    live_of(scene).flag("shop-worker.service", "FragmentPath", path)
    with pytest.raises(Refused, match=f"lies at {path}, where no mask reaches: move it"):
        guarded(scene)
    assert scene.did("swap", "create", "place") == []


def test_09_no_cure_sends_people_in_a_circle(scene: Scene) -> None:
    """A oneshot that its configured timer starts is gated with it: "name it" would be refused."""
    link(live_of(scene), "report.service", "multi-user.target.wants")
    app = {**TYPO, "jobs": ["report.timer"]}
    assert guarded(scene, app=app) == []
    assert "report.service acts on every clone" in guarded(scene)[0]


def test_07_members_of_a_gated_target_are_not_said_to_act(scene: Scene) -> None:
    """They are gated with it: a false alarm teaches people to pass over the true ones."""
    link(live_of(scene), "member.service", "shop-jobs.target.wants")
    assert guarded(scene, app={**TYPO, "jobs": ["shop-jobs.target"]}) == []


def test_17_a_job_that_left_the_configuration_is_named(scene: Scene) -> None:
    """Kept from clones until now, it acts on each from the next image on: a package's as well."""
    live = live_of(scene)
    link(live, "cron.service", "multi-user.target.wants")
    live.write("/bin/dpkg", "#!/bin/sh\n", 0o755)
    assert guarded(scene) == []
    live.write(LIST, "app shop.service\njobs cron.service\njobs shop-worker.service\n")
    assert guarded(scene) == ["cron.service acts on every clone: add it to app.jobs or app.units"]


@pytest.mark.xfail(strict=True, reason="one act cannot tell a stop from an end")
def test_16_a_job_that_ends_by_itself_runs_once(scene: Scene) -> None:
    """`Type=simple`, gone within a second: each sweep finds it not running, and begins it again."""
    live = live_of(scene)
    live.flag("shop-worker.service", "crashes", "it has ended\n")
    for generation in (44, 45):
        with pytest.raises(CommandFailed):
            obey(live, GATE, Act(generation, str(LIVE), "run", "run"))
    starts = [one for one in live.read("/calls").splitlines() if one == "start shop-worker.service"]
    assert len(starts) == 1


def test_16_a_job_that_ends_by_itself_is_told_as_that(scene: Scene) -> None:
    """The words say what it is and what to name instead; it is never reported as running."""
    live = live_of(scene)
    live.flag("shop-worker.service", "crashes", "it has ended\n")
    live.flag("shop-worker.service", "Result", "success")
    with pytest.raises(CommandFailed) as caught:
        obey(live, GATE, Act(44, str(LIVE), "run", "run"))
    assert "it ended without an error, and is begun anew by every sweep" in caught.value.detail
