"""Live's database is opened by who shut it, once its lease is over (rule 10)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from deployer.release.reopen_live import open_again
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Lease
from tests.fakes.scene import ROLE, Scene
from tests.support.shop_world import CLEAN, DEAD, LEDGER, LIVE, NOW, OLD

LIVE_DB = LIVE.database_name(LEDGER)


def test_live_stays_shut_while_anybody_holds_the_lease(scene: Scene) -> None:
    """Another release may have shut it since then; nor is a deploy's opened that is not live."""
    scene.server.shut(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER), (ROLE,), 1.0)
    held = replace(CLEAN, lease=Lease(DEAD, NOW + timedelta(minutes=5), "database"))
    assert not open_again(scene.managed, held, LIVE_DB, LIVE)
    assert not open_again(scene.managed, CLEAN, LIVE_DB, OLD)
    assert scene.server.is_shut(LIVE_DB)
    assert open_again(scene.managed, CLEAN, LIVE_DB, LIVE)
    assert not scene.server.is_shut(LIVE_DB)
