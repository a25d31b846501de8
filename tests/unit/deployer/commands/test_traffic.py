"""`deployer traffic`, and the commands of a service behind a load balancer, on fakes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deployer import events as e
from deployer.commands.traffic import TrafficState, follow, show
from deployer.ports import Ports
from deployer.release.steps.guard import dirt, guard, look
from reconciler.errors import Refused
from reconciler.model import tags as t
from reconciler.model.ledger import Lease
from reconciler.model.resource import TARGET_GROUP, Resource
from reconciler.model.tags import Label
from tests.fakes.scene import Scene
from tests.support.shop_world import CLEAN, DEAD, LISTENER, LIVE, NOW, OLD, PLACE, target_group
from tests.unit.reconciler.sweep.test_traffic import OURS, Behind

NEW, OLDER = target_group(LIVE, Label.LIVE, 17), target_group(OLD, Label.LIVE, 9)


@pytest.fixture
def shop(tmp_path: Path) -> Behind:
    """Live serves; the group of the release before it drains."""
    return Behind(tmp_path, [(OLDER, 0), (NEW, 1)], resources=OURS)


def yes(_: TrafficState) -> None:
    """A person who has looked."""


def no(_: TrafficState) -> None:
    """One who does not want it."""
    raise Refused("no")


def move(shop: Behind, **weights: int) -> None:
    """Somebody replaces the weights: of the old group, and of the new one."""
    shop.traffic.actions[LISTENER].update({OLDER.id: weights["old"], NEW.id: weights["new"]})


def test_what_leads_to_live_is_shown(shop: Behind) -> None:
    """Nothing to do where it is as the ledger says."""
    found = show(shop.ports())
    assert (found.live, found.changes) == (LIVE, ())
    assert follow(shop.ports(), no) == found


def test_a_service_with_a_record_has_none(scene: Scene) -> None:
    """Refused, with the command that helps."""
    with pytest.raises(Refused) as refused:
        show(scene.ports())
    assert "deployer status shop" in refused.value.cure


def test_people_move_it_back_with_one_command(shop: Behind) -> None:
    """It asks; then live has all requests, and the other group drains from now on."""
    move(shop, old=1, new=0)
    with pytest.raises(Refused):
        follow(shop.ports(), no)
    assert shop.weights == {"i-9": 1, "i-17": 0}
    assert follow(shop.ports(), yes).changes == ()
    assert shop.weights == {"i-9": 0, "i-17": 1}
    assert t.DRAINED in shop.heap.at(OLDER.id).tags


def test_a_crash_right_after_the_switch_leaves_a_drain_of_now(shop: Behind) -> None:
    """The time of an earlier drain is on the group: a sweep would end requests in flight by it."""
    shop.heap.change(OLDER.id, tags={t.DRAINED: "20261123T000000Z"})
    move(shop, old=1, new=0)
    shop.acts.clear()
    follow(shop.ports(), yes)
    assert shop.did("drained", "switch") == [f"drained {OLDER.id}", f"switch {NEW.id}"]
    assert shop.heap.at(OLDER.id).tags[t.DRAINED] > "20261123T000000Z"


def test_a_release_that_began_while_a_person_answered_keeps_its_traffic(shop: Behind) -> None:
    """A switch has no fence: the ledger is read once more after the answer."""
    move(shop, old=1, new=0)

    def slowly(_: TrafficState) -> None:
        lease = Lease(DEAD, NOW + timedelta(minutes=4), "launch")
        shop.ledger = replace(CLEAN, gen=CLEAN.gen + 1, lease=lease)

    with pytest.raises(Refused, match="the ledger has changed in the meantime") as refused:
        follow(shop.ports(), slowly)
    assert "deployer traffic shop" in refused.value.cure
    assert shop.weights == {"i-9": 1, "i-17": 0}


def test_it_leads_out_of_what_no_release_touches(shop: Behind) -> None:
    """A foreign group, and stickiness: a person's word is enough."""
    hers = Resource(TARGET_GROUP, "targetgroup/hers/1", PLACE, name="hers", uses=("i-x",))
    shop.traffic.add(hers, 1)
    move(shop, old=0, new=0)
    assert [one.group for one in show(shop.ports()).changes] == [NEW.id]
    follow(shop.ports(), yes)
    assert shop.weights == {"i-9": 0, "i-17": 1, "i-x": 0}


def test_not_while_somebody_holds_the_lease(shop: Behind) -> None:
    """Only he changes actions."""
    move(shop, old=1, new=0)
    shop.ledger = replace(CLEAN, lease=_lease())
    with pytest.raises(Refused):
        follow(shop.ports(), yes)


def _lease() -> Any:
    from reconciler.model.ledger import Lease

    return Lease(DEAD, NOW.replace(year=NOW.year + 1), "database")


def test_a_release_is_refused_while_traffic_is_elsewhere(shop: Behind) -> None:
    """With the way out."""
    move(shop, old=1, new=0)
    inputs = _inputs(shop.ports())
    with pytest.raises(Refused) as refused:
        guard(inputs)
    assert "deployer traffic shop --follow" in refused.value.cure


def test_an_old_group_is_no_dirt(shop: Behind) -> None:
    """Also when its time has come: the follow-up takes it."""
    shop.heap.change(OLDER.id, tags={t.DRAINED: "20261123T031502Z"})
    start = look(shop.ports())
    assert [one.resource.id for one in start.service_plan.deletes] == [OLDER.id]
    assert dirt(start.service_plan) == []


def _inputs(ports: Ports) -> Any:
    from deployer.release.context import ReleaseInputs, ReleaseOptions

    return ReleaseInputs(ports, ReleaseOptions(), e.ignore)
