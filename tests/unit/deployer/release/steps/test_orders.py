"""Every create is accounted for (rule 8): its order is known before its request is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.release.steps.image import image
from deployer.release.steps.launch import launch
from deployer.release.undo import undo
from reconciler.errors import CloudError, CloudUnclear
from reconciler.model.resource import INSTANCE
from reconciler.sweep import absence
from tests.fakes.scene import Scene
from tests.support.guarded import leased
from tests.support.shop_world import ALL, DEAD, ZONE


@pytest.fixture(autouse=True)
def listings_do_not_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fakes list at once: ten seconds without a sight would only be waited for."""
    monkeypatch.setattr(absence, "AGREED", 0.05)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop, clean."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


@pytest.mark.parametrize("lost", ["create_image", "launch"])
def test_rule_8_what_an_unheard_request_made_is_undone(scene: Scene, lost: str) -> None:
    """The reply is lost, the step fails; the undo repeats the very order, and removes all."""
    before = set(scene.heap.ids)
    run = leased(scene)
    scene.compute.lost.append(lost)
    steps = [image] if lost == "create_image" else [image, launch]
    for step in steps[:-1]:
        step(run)
    with pytest.raises(CloudUnclear):
        steps[-1](run)
    assert set(scene.heap.ids) > before
    order = run.created.image_order if lost == "create_image" else run.created.launch_order
    assert order is not None, "what may still arrive is asked for again while it is rooted"
    assert undo(run, "no answer").left == ()
    assert set(scene.heap.ids) == before


def test_the_launch_has_the_token_that_proves_its_birth(scene: Scene) -> None:
    """Another process finds by it what this one may have made."""
    run = leased(scene)
    image(run)
    launch(run)
    assert scene.compute.launched(run.deploy.client_token(ZONE)) == run.created.launched


def test_a_machine_that_ended_while_it_booted_is_not_waited_for(scene: Scene) -> None:
    """The reason is said at once."""
    run = leased(scene, limits={"boot": "1m"})
    image(run)
    scene.compute.booting = True

    launched = scene.compute.launch

    def launch_and_end(order: object) -> tuple[str, ...]:
        ids = launched(order)  # type: ignore[arg-type]
        for id_ in ids:
            scene.heap.change(id_, state="terminated")
        return ids

    scene.compute.launch = launch_and_end  # type: ignore[method-assign]
    with pytest.raises(CloudError, match="is terminated"):
        launch(run)
    assert {one.state for one in scene.heap.held.values() if one.kind == INSTANCE} >= {"terminated"}
