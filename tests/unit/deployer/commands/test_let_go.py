"""`deployer retire ID`: only a machine that was adopted, and that no release is any more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployer.commands.let_go import let_go
from reconciler.errors import Refused
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Previous
from reconciler.model.resource import INSTANCE
from reconciler.model.tags import BirthTags, Label
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, LEDGER, LIVE, NOW, PLACE, deploy

ADOPTED = deploy(60 * 24 * 30, "aaaaa")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop; a machine that it adopted long ago was pushed out of the ledger since."""
    born = BirthTags(ADOPTED, LEDGER, PLACE, "v1", "me@here").of(INSTANCE)
    tags = born | {t.STATE: Label.LEFT.value, t.HOLD: t.HELD_BY_ADOPTION}
    machine = replace(ALL[0], id="i-3", tags=tags, addresses=("10.0.1.3",), token="")
    return Scene(tmp_path, [machine, *(one for one in ALL if one.deploy != DEAD)])


def test_only_our_tags_are_taken_off(scene: Scene) -> None:
    """The machine is what it was before: nobody's but its owner's, and it runs."""
    scene.heap.change("i-3", tags={"team": "checkout"})
    assert let_go(scene.ports(), ADOPTED, lambda _: True).id == "i-3"
    machine = scene.heap.at("i-3")
    assert (dict(machine.tags), machine.state) == (
        {"Name": "shop v1", "team": "checkout"},
        "running",
    )


def test_a_no_lets_nothing_go(scene: Scene) -> None:
    """It asks, and shows which machine it is."""
    with pytest.raises(Refused, match="nothing was let go"):
        let_go(scene.ports(), ADOPTED, lambda machine: machine.id != "i-3")
    assert not scene.did("untag")


def test_a_machine_of_the_ledger_is_not_let_go(scene: Scene) -> None:
    """Neither live nor a previous one: without its tags it could be no release again."""
    entry = Previous(ADOPTED, NOW, ("10.0.1.3",), ids=("i-3",))
    scene.ledger = replace(CLEAN, previous=(*CLEAN.previous, entry))
    with pytest.raises(Refused, match="stands in the ledger"):
        let_go(scene.ports(), ADOPTED, lambda _: True)
    assert not scene.did("untag")


@pytest.mark.parametrize("named", [LIVE, deploy(1, "ggggg")])
def test_another_deploys_machine_is_not_let_go(scene: Scene, named: DeployId) -> None:
    """What a deploy made is kept or deleted, never given away."""
    with pytest.raises(Refused):
        let_go(scene.ports(), named, lambda _: True)
    assert not scene.did("untag")


def test_what_a_dead_release_made_is_deleted_not_let_go(tmp_path: Path) -> None:
    """Nobody adopted it."""
    scene = Scene(tmp_path, ALL)
    with pytest.raises(Refused, match="no adopted machine"):
        let_go(scene.ports(), DEAD, lambda _: True)
    assert not scene.did("untag")
