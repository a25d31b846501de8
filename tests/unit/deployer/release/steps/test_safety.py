"""Steps that would have touched what is not theirs: live's disk, another's machine or database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deployer.commands.adopt import AdoptOptions, adopt
from deployer.release.context import NewMachine, ReleaseContext
from deployer.release.lease_terms import LeaseTerms
from deployer.release.steps.database import database
from deployer.release.steps.image import image
from deployer.release.undo import undo
from reconciler.errors import DatabaseError, Refused, ToolError
from reconciler.model import tags as t
from reconciler.model.ledger import Live, Previous
from reconciler.util.secret import Secret
from tests.fakes.scene import Scene
from tests.support.guarded import leased
from tests.support.shop_world import ALL, CLEAN, DEAD, LEDGER, LIVE, NOW, deploy

TERMS = LeaseTerms(timedelta(minutes=10), timedelta(minutes=3), timedelta(hours=2))
ME = deploy(0, "aaaaa")


def begun(scene: Scene, **configured: Any) -> ReleaseContext:
    """A release that has passed its guard and holds its lease."""
    return leased(scene, **configured)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


def test_a_hook_that_fails_half_way_lets_live_go_on(scene: Scene) -> None:
    """Frozen by the first line, live's file system is let go though the second one fails."""
    machine = scene.reach.machine("i-17")
    hooks = {
        "before": ["echo frozen > /srv/state", "exit 3"],
        "after": ["echo thawed > /srv/state"],
    }
    run = begun(scene, image=hooks)
    with pytest.raises(ToolError):
        image(run)
    assert machine.read("/srv/state").strip() == "thawed"


def test_the_undo_of_a_failed_hook_makes_no_image(scene: Scene) -> None:
    """None was ordered yet; and with `no_reboot = false` making one would reboot live."""
    run = begun(scene, image={"before": ["exit 3"]})
    with pytest.raises(ToolError):
        image(run)
    undo(run, "the hook failed")
    assert not scene.did("create ami")


def test_a_base_that_stands_in_a_parameter_is_resolved(scene: Scene) -> None:
    """EC2 is asked for an image's id, not for a reference."""
    run = begun(scene, instance={"image": "ssm:/shop/base", "image_from": "base"})
    held = {"/shop/base": Secret("ami-0b1\n")}
    run = replace(run, ports=replace(run.ports, resolve=lambda one: held[one.value]))
    assert image(run) == "ami-0b1, the configured base"
    assert run.created.image == "ami-0b1"


def test_only_lives_own_machine_is_cloned(scene: Scene) -> None:
    """Two networks of one account may use the same private address."""
    stranger = replace(ALL[0], id="i-0", tags={"Name": "another network's"})
    scene.heap.add([stranger])
    run = begun(scene)
    image(run)
    assert run.created.source is not None
    assert run.created.source.id == "i-17"


def test_a_database_of_another_deploy_is_not_shut(tmp_path: Path) -> None:
    """An adopted stand-in uses the database of the deploy before: nobody would open it again."""
    stand_in = deploy(1, "ggggg")
    previous = Previous(LIVE, NOW, ("10.0.1.17",))
    ledger = replace(
        CLEAN, live=Live(stand_in, ("10.0.1.99",)), previous=(previous, *CLEAN.previous)
    )
    scene = Scene(tmp_path, [one for one in ALL if one.deploy != DEAD], ledger)
    run = begun(scene)
    clone = scene.reach.machine("i-101")
    name = LIVE.database_name(LEDGER)
    clone.write("/etc/shop/env", f"DATABASE_URL=postgresql://shop@db/{name}\n")
    run.created.machines = (NewMachine("i-101", "10.0.2.101", clone),)
    with pytest.raises(DatabaseError, match="not of"):
        database(run)
    assert not scene.did("shut")


def test_a_machine_that_a_deploy_made_is_not_adopted(scene: Scene) -> None:
    """It would be held for ever, and its pinned host key replaced by one that was only shown."""
    before = dict(scene.heap.at("i-17").tags)
    with pytest.raises(Refused, match="not adopted"):
        adopt(scene.ports(), lambda _: True, AdoptOptions("ssh-ed25519 " + KEY))
    assert scene.heap.at("i-17").tags == before
    assert t.HOLD not in before


KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIEa1yLoTTu3LGUt0rN5bE0pB1zWq2i0d6jJZ8mG1n7cX"
