"""Target groups that serve: whose they may become by an adoption."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.checks.served import claim_groups, refuse_another_group
from deployer.commands.traffic import show
from reconciler.errors import Refused
from reconciler.model import tags as t
from reconciler.model.resource import TARGET_GROUP, Resource
from reconciler.traffic.reading import Share
from tests.support.several_routes import INTERNAL, ROUTES, RULE, SeveralRoutes
from tests.support.shop_world import LISTENER, LIVE, OLD, PLACE


def test_rule_15_a_group_with_another_deploys_id_is_not_adopted() -> None:
    """Its tags say that a release made it, or that they were copied: a person decides."""
    refuse_another_group(Share("targetgroup/hand/1", 1), LIVE)
    refuse_another_group(Share("targetgroup/hand/1", 1, {t.ID: str(LIVE)}), LIVE)
    with pytest.raises(Refused, match=f"carries the deploy-id {OLD}"):
        refuse_another_group(Share("targetgroup/hand/1", 1, {t.ID: str(OLD)}), LIVE)


def test_an_adopted_group_belongs_to_the_balancer_of_its_route(tmp_path: Path) -> None:
    """One of two listeners of a balancer, another of a second: AWS takes it at no other."""
    shop = SeveralRoutes(tmp_path)
    ids = {LISTENER: "targetgroup/hand/1", RULE: "targetgroup/hand/1", INTERNAL: "targetgroup/in/2"}
    left = {key: one for key, one in shop.heap.held.items() if one.kind != TARGET_GROUP}
    shop.heap.held = left
    shop.heap.add(
        Resource(TARGET_GROUP, one, PLACE, name=one.split("/")[1], uses=("i-17",))
        for one in dict.fromkeys(ids.values())
    )
    for route in ROUTES:
        shop.traffic.actions[route] = {ids[route]: 1}
    claim_groups(shop.ports(), LIVE, "v1.4.2")
    assert shop.heap.at(ids[RULE]).tags[t.LISTENER] == LISTENER
    assert shop.heap.at(ids[INTERNAL]).tags[t.LISTENER] == INTERNAL
    elsewhere = Resource(TARGET_GROUP, "targetgroup/x/3", PLACE, {t.ID: str(OLD)}, name="x")
    shop.heap.add([elsewhere])
    for route in ROUTES:
        shop.traffic.actions[route] = {ids[route]: 0, elsewhere.id: 1}
    assert {one.route: one.group for one in show(shop.ports()).changes} == ids
