"""What the tests of the sweep share: names of the small world's things, and ledgers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from reconciler.gc.retention import Retention
from reconciler.model.ledger import Lease, Previous
from reconciler.model.outcome import OutcomeStatus
from reconciler.plan.service_plan import SweepRequest
from reconciler.sweep.result import SweepResult
from tests.fakes.scene import Scene
from tests.support.shop_world import CLEAN, DEAD, LEDGER, LIVE, NOW, OLD

DEAD_IDS = {"i-41", "vol-41", "eni-41", "ami-41", "snap-41"}
DEAD_DB, LIVE_DB, OLD_DB = (one.database_name(LEDGER) for one in (DEAD, LIVE, OLD))
NEWER = Previous(replace(OLD, suffix="yyyyy"), NOW - timedelta(minutes=65), ("10.0.1.8",))
CROWDED = replace(CLEAN, previous=(NEWER, *CLEAN.previous))
ONE_KEPT = SweepRequest(Retention(keep=1))
BUSY = replace(CLEAN, lease=Lease(replace(DEAD, suffix="zzzzz"), NOW, "image"))
DELETING = ("delete", "drop")
CHANGING = (*DELETING, "swap", "label", "shut", "thaw", "run", "stop")


def fates(result: SweepResult) -> dict[str, OutcomeStatus]:
    """What became of each thing."""
    return {one.resource.id: one.status for one in result.outcomes}


def only_live(scene: Scene) -> None:
    """Nothing dead: the world is as it should be, unless a test disturbs it."""
    for id_ in DEAD_IDS:
        scene.heap.held = {key: one for key, one in scene.heap.held.items() if key[1] != id_}
    del scene.server.held[DEAD_DB]
