"""A clone acts as production only after the commit: in each step before, nothing of it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.release.context import NewMachine, ReleaseContext
from deployer.release.steps import code as code_step
from deployer.release.steps.connect import connect
from deployer.release.steps.image import image
from deployer.release.steps.launch import launch
from deployer.release.steps.migrate import migrate
from deployer.release.steps.start import start
from reconciler.database.state_comment import Memory
from reconciler.errors import ShellError
from reconciler.machine.activation_gate import GENERATOR, boot_script
from reconciler.model import tags as t
from tests.fakes.scene import ROLE, Scene
from tests.fakes.service_access import ToldMachine
from tests.support.guarded import leased
from tests.support.shop_world import ALL, DEAD, GATE, LEDGER, NOW

CLONE, ADDRESS = "i-101", "10.0.2.101"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


def booted(scene: Scene) -> ToldMachine:
    """A clone after its first boot: gated by its user data."""
    machine = scene.reach.machine(CLONE)
    machine.boot(boot_script(GATE))
    return machine


def held(run: ReleaseContext, machine: ToldMachine) -> ReleaseContext:
    """The release, connected with that machine."""
    run.created.machines = (NewMachine(CLONE, ADDRESS, machine),)
    return run


def test_the_gate_is_on_live_before_its_image_is_made(scene: Scene) -> None:
    """The first clone boots from a copy of that disk."""
    seen: list[bool] = []
    live = scene.reach.machine("i-17")

    def look(act: str) -> None:
        if act.startswith("create ami-"):
            seen.append(live.path(GENERATOR).exists())

    scene.acts.then = look
    image(leased(scene))
    assert seen == [True]


@pytest.mark.parametrize("gated", [True, False])
def test_a_new_machine_is_asked_whether_it_acts(scene: Scene, gated: bool) -> None:
    """One whose gate did not work ends the release before any code is on it."""
    run = leased(scene)
    image(run)
    launch(run)
    [facts] = run.created.facts
    machine = scene.reach.machine(facts.id, facts.private_address)
    machine.boot(boot_script(GATE) if gated else "")
    scene.connector.at[facts.private_address] = machine
    if gated:
        assert "no unit has run" in connect(run)
        first = run.created.host_key.public.tag_value
        assert first not in scene.heap.at(facts.id).tags[t.HOST_KEY]  # the user data has that one
        return
    with pytest.raises(ShellError, match="is not quarantined"):
        connect(run)


UNMASKED = "rm -rf /run/systemd/generator.early"


@pytest.mark.parametrize("line", [UNMASKED, f"{UNMASKED}; systemctl start shop.service"])
def test_an_install_that_opens_the_gate_ends_the_release(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """An install command may do anything; what it did is seen right after it."""
    monkeypatch.setattr(code_step, "ship", lambda *_: None)  # there already
    machine = booted(scene)
    machine.path("/srv/shop").mkdir()
    said = {"source": ".", "path": "/srv/shop", "install": [line]}
    with pytest.raises(ShellError) as caught:
        code_step.code(held(leased(scene, code=said), machine))
    assert caught.value.message.startswith("after the install")


def test_only_the_app_is_started_before_the_commit(scene: Scene) -> None:
    """Its jobs still run on live."""
    machine = booted(scene)
    start(held(leased(scene), machine))
    assert machine.active() == {"shop.service"}


def test_a_migration_that_overwrites_the_databases_memory_is_put_right(scene: Scene) -> None:
    """Its role owns the database; without its memory that would be nobody's. Its text is kept."""
    machine = booted(scene)
    machine.path("/srv/shop").mkdir()
    machine.write("/etc/shop/env", "A=1\n")
    database = {"engine": "postgres", "admin": "env:ADMIN_URL", "app_role": ROLE}
    run = leased(scene, database={**database, "migrate": ["true"], "writes": "freeze"})
    held(run, machine)
    name = run.database.name = run.deploy.database_name(LEDGER)
    scene.server.create(name, ROLE, Memory(run.deploy, LEDGER, NOW))

    def comment(act: str) -> None:
        if act.startswith("migration"):
            scene.server.held[name].comment = "orders since 2019"

    scene.acts.then = comment
    migrate(run)
    [memory] = [one.memory for one in scene.server.databases() if one.name == name]
    assert memory is not None
    assert (memory.deploy, memory.note) == (run.deploy, "orders since 2019")
