"""What an adopted machine's volumes are, asked beside the ledger: for their price alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reconciler.model.resource import INSTANCE, Inventory
from reconciler.ports.fleet import Fleet
from reconciler.sweep.attached_volumes import VolumesAhead
from reconciler.sweep.snapshot import observe
from tests.fakes.inventory import FakeHeap
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, CLEAN
from tests.unit.deployer.output.test_one_figure import volume

ROOT = volume("vol-root", 20, "gp3")
MACHINE = replace(
    next(one for one in ALL if one.kind == INSTANCE), uses=("vol-root", "vol-of-the-index")
)
SEEN = Inventory((MACHINE, volume("vol-of-the-index", 8, "gp3")))


def heap() -> FakeHeap:
    """Where the untagged volume is."""
    found = FakeHeap()
    found.add([ROOT, volume("vol-other", 1, "gp3")])
    return found


def asked(found: FakeHeap) -> int:
    """How often volumes were described."""
    return found.acts.count("volumes")


def test_what_the_machines_use_is_asked_for_once() -> None:
    """Without the volumes that were described already."""
    found = heap()
    ahead = VolumesAhead(found)
    ahead.begin(SEEN)
    assert ahead.volumes(["vol-root"]).resources == (ROOT,)
    assert ahead.volumes([]).resources == ()
    assert asked(found) == 1


def test_what_was_not_asked_for_ahead_is_asked_for_now() -> None:
    """Another volume; and any, where nothing was begun."""
    found = heap()
    ahead = VolumesAhead(found)
    assert ahead.volumes(["vol-root"]).resources == (ROOT,)
    ahead.begin(SEEN)
    assert [one.id for one in ahead.volumes(["vol-other"]).resources] == ["vol-other"]
    assert asked(found) == 3


def test_nothing_is_asked_where_no_machine_uses_another() -> None:
    """As of machines that a release made: their volumes are in the index."""
    found = heap()
    VolumesAhead(found).begin(Inventory(tuple(replace(one, uses=()) for one in SEEN.resources)))
    assert asked(found) == 0


def test_it_is_begun_before_the_ledger_is_read(tmp_path: Path) -> None:
    """And after everything was seen: the ledger still comes last."""
    scene = Scene(tmp_path, ALL, CLEAN)
    scene.acts.clear()
    observe(Fleet.of(scene.managed), lambda _: scene.acts.append("beside"))
    assert scene.acts[-2:] == ["beside", "read shop"]
    assert "scan" in scene.acts[:-2]
