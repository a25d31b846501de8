"""When a sweep looks once more, and when what its deletions have seen is enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.model.ledger import Lease
from reconciler.sweep.absence import SETTLED
from tests.fakes.scene import Scene
from tests.support.shop_world import CLEAN, DEAD
from tests.support.sweeps import DEAD_IDS


@pytest.fixture
def old(scene: Scene) -> Scene:
    """A world in which the dead release was born long ago."""
    scene.ledgers.now = DEAD.born + SETTLED
    return scene


def looks(scene: Scene) -> int:
    """How often the whole index was read."""
    return scene.acts.count("scan")


@pytest.mark.parametrize("unfinished_only", [False, True])
def test_old_garbage_that_is_gone_is_not_looked_for_again(
    old: Scene, unfinished_only: bool
) -> None:
    """Every deletion saw for itself; nothing of so old a release can still become listed."""
    result = old.sweep(unfinished_only=unfinished_only)
    assert looks(old) == 1
    assert result.clean
    assert not old.heap.ids & DEAD_IDS
    assert not DEAD_IDS & {one.id for one in result.left.inventory.resources}
    assert not any(one.collect for one in result.left.services[0].verdicts)


def test_a_release_that_has_just_died_may_be_listed_late(old: Scene) -> None:
    """Of a younger one there is another look, which finds what the first one did not show."""
    old.ledgers.now -= timedelta(seconds=1)
    old.heap.unlisted["snap-41"] = 1
    assert old.sweep().clean
    assert looks(old) == 3
    assert not old.heap.ids & DEAD_IDS


def test_what_is_not_gone_is_looked_at_again(old: Scene) -> None:
    """Also when it is old: somebody may have freed it meanwhile."""
    old.heap.protected["i-41"] = "protected"
    result = old.sweep()
    assert looks(old) > 1
    assert "i-41" in {one.resource.id for one in result.left.services[0].deletes}


def test_after_a_swap_there_is_another_look(old: Scene) -> None:
    """What a changed ledger makes of the rest is not in the plan."""
    old.ledger = replace(CLEAN, lease=Lease(DEAD, DEAD.born, "migrate"))
    result = old.sweep()
    assert (result.ended, result.clean, looks(old)) == ((DEAD,), True, 2)
