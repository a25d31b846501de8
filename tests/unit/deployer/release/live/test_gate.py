"""Before live's image is taken: it knows who it is, and the gate is on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deployer.release.context import ReleaseContext, ReleaseInputs, ReleaseOptions
from deployer.release.lease_terms import LeaseTerms
from deployer.release.steps.connect import connect
from deployer.release.steps.guard import guard
from deployer.release.steps.image import image
from reconciler.errors import CannotConnect, CommandFailed, Refused, ToolError
from reconciler.machine.host_key import make_host_key
from reconciler.machine.unit_control import Act, obey
from reconciler.model import tags as t
from tests.fakes.compute import facts_of
from tests.fakes.scene import Scene
from tests.fakes.service_access import ToldMachine
from tests.support.guarded import leased
from tests.support.shop_world import ALL, DEAD, GATE, LIVE, UNITS, deploy

TERMS = LeaseTerms(timedelta(minutes=10), timedelta(minutes=3), timedelta(hours=2))
ME = deploy(0, "aaaaa")
GENERATOR = "/etc/systemd/system-generators/deployer-gate"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean; live's machine is i-17."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


def fresh(scene: Scene, options: ReleaseOptions | None = None, **configured: Any) -> ReleaseInputs:
    """A release that has not looked yet."""
    return ReleaseInputs(scene.ports(**configured), options or ReleaseOptions(), lambda _: None)


def begun(scene: Scene) -> ReleaseContext:
    """One that has passed its guard and holds its lease."""
    return leased(scene)


def test_a_machine_without_an_asset_tag_is_refused(scene: Scene) -> None:
    """A Xen type: a clone could not be told from live, so nothing is made or installed."""
    scene.reach.machine("i-17").firmware("")
    with pytest.raises(Refused, match=r"firmware of i-17 \(t3\.small\) says none") as caught:
        guard(fresh(scene))
    assert "Nitro" in caught.value.cure
    assert not scene.reach.machine("i-17").path(GENERATOR).exists()
    assert scene.did("create", "swap", "place") == []


@pytest.mark.parametrize("wanted", ["t2.small", "m4.large", "x1e.xlarge"])
def test_a_change_to_a_type_without_one_is_refused(scene: Scene, wanted: str) -> None:
    """Live's own type has a tag; the new machines' would not."""
    with pytest.raises(Refused, match=f"{wanted} runs on Xen"):
        guard(fresh(scene, instance={"type": wanted}))


@pytest.mark.parametrize(
    "wanted", ["t3.small", "m7g.large", "i3en.large", "i3.metal", "p3dn.24xlarge"]
)
def test_types_on_nitro_pass(scene: Scene, wanted: str) -> None:
    """Those whose names only look like a Xen family's as well."""
    assert guard(fresh(scene, instance={"type": wanted})).text == "clean"


def test_firmware_that_names_another_machine_is_refused(scene: Scene) -> None:
    """Whoever answers at live's address is not what EC2 calls live."""
    scene.reach.machine("i-17").firmware("i-99")
    with pytest.raises(Refused, match="says i-99"):
        guard(fresh(scene))


def test_a_machine_that_cloud_init_mistakes_is_refused(scene: Scene) -> None:
    """Its clones would keep its host keys, and no user data would be read."""
    scene.reach.machine("i-17").write("/run/cloud-init/.instance-id", "i-41\n")
    with pytest.raises(Refused, match="takes i-17 for i-41") as caught:
        guard(fresh(scene))
    assert "manual_cache_clean" in caught.value.cure


def test_a_machine_that_does_not_answer_is_refused_unless_accepted(scene: Scene) -> None:
    """It may be the reason for the release: by its name it is relied on unasked."""
    scene.reach.down["i-17"] = CannotConnect("no answer", kind="no-route", cure="open it")
    with pytest.raises(Refused, match="could not be asked who it is: no answer") as caught:
        guard(fresh(scene))
    assert "deployer up shop --despite i-17" in caught.value.cure
    assert guard(fresh(scene, ReleaseOptions(despite=frozenset({"i-17"})))).text == "clean"


def test_the_gate_is_on_live_before_its_image(scene: Scene) -> None:
    """Open, under our lease's generation; live's units are not touched."""
    machine = scene.reach.machine("i-17")
    for unit in GATE.all:
        machine.flag(unit, "active")
    run = begun(scene)
    image(run)
    acts = list(scene.acts)
    assert acts.index("place the gate on i-17") < acts.index("create ami-101")
    assert machine.path(GENERATOR).stat().st_mode & 0o111
    state = machine.read("/etc/deployer/state").splitlines()
    said = {f"deploy={LIVE}", f"generation={run.held.generation}", "app=1", "jobs=1"}
    assert {"instance=i-17", f"units={UNITS}", *said} == set(state)
    assert machine.active() == set(GATE.all)
    verbs = {line.split()[0] for line in machine.read("/calls").splitlines()}
    assert verbs <= {"show", "daemon-reload"}


def test_no_image_without_a_gate(scene: Scene) -> None:
    """systemd does not run the generator, or somebody newer has been here: nothing is copied."""
    machine = scene.reach.machine("i-17")
    machine.write("/bin/generate", "#!/bin/sh\n", 0o755)
    with pytest.raises(CommandFailed):
        image(begun(scene))
    assert scene.did("create") == []


def test_a_late_placing_makes_no_image(scene: Scene) -> None:
    """Fenced: live has been told something newer."""
    run = begun(scene)
    obey(scene.reach.machine("i-17"), GATE, Act(run.held.generation + 1, "x", "stop", "stop"))
    with pytest.raises(ToolError, match="newer generation"):
        image(run)
    assert scene.did("create") == []


def connecting(scene: Scene, tmp_path: Path) -> tuple[ReleaseContext, ToldMachine]:
    """A release whose clone shows the host key that live's tag names."""
    run = begun(scene)
    inherited = make_host_key().public
    run.created.host_key = make_host_key()
    live = facts_of(next(one for one in ALL if one.id == "i-17"))
    run.created.source = replace(live, tags={**live.tags, t.HOST_KEY: inherited.tag_value})
    run.created.facts = (
        replace(live, id="i-0c1", private_address="10.0.2.9", addresses=("10.0.2.9",)),
    )
    clone = ToldMachine(tmp_path / "clone", "i-0c1", host="10.0.2.9", acts=scene.acts)
    scene.connector.at["10.0.2.9"] = clone
    scene.connector.keys["10.0.2.9"] = inherited
    return run, clone


def test_a_clone_without_cloud_init_says_so_and_why(scene: Scene, tmp_path: Path) -> None:
    """No stranger answers: it is live's key, which the clone kept, since cloud-init did not act."""
    run, clone = connecting(scene, tmp_path)
    clone.write("/etc/cloud/cloud-init.disabled", "")
    clone.write("/bin/cloud-init", "#!/bin/sh\necho status: disabled\n", 0o755)
    with pytest.raises(CannotConnect) as caught:
        connect(run)
    error = caught.value
    assert error.message.startswith("cloud-init did not act on i-0c1: it still shows the host key")
    assert "status: disabled" in error.detail
    assert "/etc/cloud/cloud-init.disabled stands there" in error.detail
    assert "i-17" in error.cure


def test_any_other_key_is_a_strangers(scene: Scene, tmp_path: Path) -> None:
    """Only the very key of live's tag explains itself."""
    run, _ = connecting(scene, tmp_path)
    scene.connector.keys["10.0.2.9"] = make_host_key().public
    with pytest.raises(CannotConnect, match="shows another key"):
        connect(run)
