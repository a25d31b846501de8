"""Live's machine on fakes as a release leaves it: with its gate, its units enabled and running."""

from __future__ import annotations

from reconciler.machine.gate_placement import place_open
from reconciler.machine.host_key import make_host_key
from reconciler.model import tags as t
from tests.fakes.scene import Scene
from tests.fakes.service_access import ToldMachine
from tests.support.shop_world import CLEAN, GATE, LIVE

KEY = make_host_key().public
UNITS = ("shop.service", "shop-worker.service")


def gated(scene: Scene) -> ToldMachine:
    """Live's machine, which has obeyed the ledger's generation; its host key is in its tags."""
    machine = scene.reach.machine("i-17")
    machine.units = UNITS
    for unit in UNITS:
        machine.flag(unit, "active")
        machine.flag(unit, "enabled")
    place_open(machine, GATE, CLEAN.gen, str(LIVE))
    scene.heap.change("i-17", tags={t.HOST_KEY: KEY.tag_value})
    return machine
