"""A service behind a load balancer, or with an Elastic IP: traffic that people have moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

from deployer.release.context import ReleaseContext
from reconciler.aws import elastic_ip_traffic
from reconciler.aws.client.session import Aws
from reconciler.aws.elastic_ip_traffic import ElasticIpTraffic
from reconciler.aws.elbv2.routes import _names_foreign as names_foreign
from reconciler.model.ledger import Lease
from reconciler.model.resource import TARGET_GROUP, Resource
from reconciler.model.tags import Label
from tests.cures.case import Case
from tests.cures.desk import Desk
from tests.cures.homes import LEAVE, well
from tests.cures.lease import RUNS, counted
from tests.cures.ledger import HOME, MACHINE, placed
from tests.cures.ledger import by_hand as made_by_hand
from tests.fakes.elastic_ip import ADDRESS, ALLOCATION, FakeElasticIp
from tests.fakes.traffic import FakeTraffic
from tests.support.shop_world import CLEAN, DEAD, LISTENER, LIVE, NOW, OLD, PLACE, target_group
from tests.unit.reconciler.sweep.test_traffic import OURS, Behind

NEW, OLDER = target_group(LIVE, Label.LIVE, 17), target_group(OLD, Label.LIVE, 9)
HERS = Resource(TARGET_GROUP, "targetgroup/hers/1", PLACE, name="hers", uses=("i-x",))
FOLLOW = "deployer traffic shop --follow"


def behind(new: int, old: int) -> Callable[[Desk], None]:
    """Behind a load balancer, with these weights."""

    def bring(desk: Desk) -> None:
        desk.scene = Behind(desk.root / "behind", [(OLDER, old), (NEW, new)], resources=OURS)

    return bring


def moved_at_work(desk: Desk) -> None:
    """People have moved it, and a release is at work."""
    behind(0, 1)(desk)
    desk.scene.ledger = replace(CLEAN, lease=Lease(DEAD, RUNS, "launch"))


def over(desk: Desk) -> None:
    """It has ended."""
    desk.scene.ledger = CLEAN


def routes(desk: Desk) -> FakeTraffic:
    """The balancer."""
    traffic = desk.scene.managed.traffic
    assert isinstance(traffic, FakeTraffic)
    return traffic


def hers(desk: Desk) -> None:
    """Somebody has given the requests to a group of their own."""
    behind(0, 0)(desk)
    traffic = routes(desk)
    traffic.add(HERS, 1)


def hers_meanwhile(desk: Desk) -> None:
    """The same, between the guard of a release and its target groups."""
    behind(1, 0)(desk)

    def step(_: ReleaseContext) -> NoReturn:
        routes(desk).add(HERS, 1)
        raise names_foreign(LISTENER, f"{LISTENER.rpartition(':')[0]}:{HERS.id}", "shop")

    desk.release_does(step)


def released_address(desk: Desk) -> None:
    """Traffic goes by an Elastic IP, and somebody has released it."""
    counted(desk)
    scene = desk.scene
    scene.ledger = replace(CLEAN, home=replace(HOME, traffic=(ALLOCATION,)))
    place_with(desk, ALLOCATION)
    gone = ElasticIpTraffic(Aws(PLACE), "shop", ALLOCATION, ADDRESS)
    scene.managed = replace(scene.managed, traffic=gone)
    desk.patch.setattr(elastic_ip_traffic, "_addresses", lambda *_: [])


def another_address(desk: Desk) -> None:
    """Live's machine gets another one, which the configuration names."""
    place_with(desk, "eipalloc-0b00b1e5")
    traffic = FakeElasticIp(desk.scene.heap, ["i-17"])
    desk.scene.managed = replace(desk.scene.managed, traffic=traffic)


def place_with(desk: Desk, allocation: str) -> None:
    """The configuration names this Elastic IP."""
    placed(desk, replace(desk.scene.managed.address, traffic=(allocation,)))


def by_hand(desk: Desk) -> None:
    """What serves behind the balancer was made by people; no ledger."""
    group = Resource(TARGET_GROUP, MADE, PLACE, name="made", uses=(MACHINE.id,))
    desk.scene = Behind(desk.root / "behind", [(group, 1)], resources=())
    desk.scene.ledgers.zone.texts.clear()
    made_by_hand(desk)


def groupless(desk: Desk) -> None:
    """It was adopted, and its group is deleted; the balancer forwards to another one."""
    by_hand(desk)
    assert desk.types("deployer adopt shop").code == 0
    traffic = routes(desk)
    del desk.scene.heap.held[TARGET_GROUP, MADE], traffic.actions[LISTENER][MADE]
    traffic.add(HERS, 1)


def group_made(desk: Desk) -> None:
    """People make a group that holds its machine, and let the balancer forward to it."""
    traffic = routes(desk)
    del traffic.actions[LISTENER]["targetgroup/hers/1"]
    group = Resource(TARGET_GROUP, MADE, PLACE, name="made", uses=(MACHINE.id,))
    traffic.add(group, 1)


def born_groupless(desk: Desk) -> None:
    """Live was released, and people have deleted its group."""
    hers(desk)
    traffic = routes(desk)
    del desk.scene.heap.held[TARGET_GROUP, NEW.id], traffic.actions[LISTENER][NEW.id]


def group_of_born(desk: Desk) -> None:
    """People make a group that holds its machine, and let the balancer forward to it alone."""
    traffic = routes(desk)
    traffic.actions[LISTENER].clear()
    traffic.add(Resource(TARGET_GROUP, MADE, PLACE, name="made", uses=("i-17",)), 1)


def requests_ended(desk: Desk) -> None:
    """The requests of the older group end."""
    desk.scene.ledgers.now = NOW + timedelta(hours=1)


def drained(desk: Desk) -> None:
    """Live is well, and the group of the release before stands beside its own."""
    behind(1, 0)(desk)
    well(desk)


MOVED, MADE = behind(0, 1), "targetgroup/made/1"
CASES = (
    Case("reconciler/plan/record_drift.py::cure", hers, "deployer up shop", FOLLOW),
    Case(
        "reconciler/aws/elbv2/routes.py::_names_foreign",
        hers_meanwhile,
        "deployer up shop",
        FOLLOW,
    ),
    Case(
        "reconciler/aws/elastic_ip_traffic.py::_described",
        released_address,
        "deployer up shop",
        "deployer move shop",
        another_address,
    ),
    Case(
        "deployer/release/steps/guard.py::_refuse_first",
        by_hand,
        "deployer up shop",
        "deployer adopt shop",
    ),
    Case(
        "deployer/commands/traffic.py::_nobody_takes_it",
        groupless,
        FOLLOW,
        "deployer move shop",
        group_made,
    ),
    Case(
        "deployer/commands/traffic.py::_nobody_takes_it",
        born_groupless,
        FOLLOW,
        "deployer move shop",
        group_of_born,
    ),
    Case(
        "deployer/commands/leave/checks.py::_refuse_old_groups",
        drained,
        LEAVE,
        "reconciler sweep --service shop",
        requests_ended,
    ),
    Case("deployer/cli/traffic.py::_lines", MOVED, "deployer traffic shop", FOLLOW),
    Case("deployer/commands/traffic.py::follow", moved_at_work, FOLLOW, FOLLOW, over),
    Case("reconciler/gc/mark.py::_settled", MOVED, "deployer up shop", FOLLOW),
)
