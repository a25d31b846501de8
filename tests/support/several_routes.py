"""A service behind two routes, on fakes: a whole release or rollback of it, and a person's hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from deployer import events as e
from deployer.release import up as release
from deployer.release.context import NewMachine, ReleaseContext, ReleaseOptions
from deployer.release.steps.commit import commit
from deployer.release.up import Step, up
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import INSTANCE, TARGET_GROUP, Resource
from reconciler.model.tags import Label
from reconciler.traffic.reading import TrafficReading
from tests.support.shop_world import LISTENER, LIVE, PLACE, resources, target_group
from tests.unit.reconciler.sweep.test_traffic import OURS, Behind

RULE = LISTENER.replace(":listener/", ":listener-rule/") + "/c3"
INTERNAL = LISTENER.replace("/shop/a1/b2", "/internal/d4/e5")
ROUTES = (LISTENER, RULE, INTERNAL)


def of_route(group: Resource, route: str) -> Resource:
    """The group that the same maker made for another route."""
    maker = DeployId.maybe(group.tags[t.LEASE])
    assert maker is not None
    name = maker.target_group_name(route)
    tags = {**group.tags, t.LISTENER: route}
    return replace(group, id=group.id.replace(group.name, name), name=name, tags=tags)


class SeveralRoutes(Behind):
    """Live serves through every route; its previous release's groups have drained."""

    def __init__(self, root: Path, *, there: Iterable[Resource] = OURS) -> None:
        super().__init__(root, [], resources=there)
        self.traffic.actions = {route: {} for route in ROUTES}
        for route in ROUTES:
            self.traffic.add(of_route(target_group(LIVE, Label.LIVE, 17), route), 1, route)
        self.managed = replace(self.managed, address=replace(self.managed.address, traffic=ROUTES))
        self.source = root / "source"
        self.source.mkdir()
        (self.source / "VERSION").write_text("v2")
        self.acts.clear()

    @property
    def found(self) -> TrafficReading:
        """What the routes say now, without being noted as an act."""
        quiet, self.acts.then = self.acts.then, lambda _: None
        try:
            return self.traffic.read().resolved("shop", lambda _: True)
        finally:
            self.acts.then = quiet

    @property
    def live(self) -> DeployId:
        """Who is live by the ledger."""
        assert self.ledger.live is not None
        return self.ledger.live.id

    def release(self, patch: pytest.MonkeyPatch) -> e.Released:
        """A whole release without a database: its machine is launched at once."""
        steps = (("launch", self._launch), ("database", lambda _: ""), ("commit", commit))
        patch.setattr(release, "STEPS", tuple(Step(*one) for one in steps))
        code = {"source": str(self.source), "path": "/srv/shop"}
        return up(self.ports(code=code, limits={"boot": "1s"}), ReleaseOptions())

    def _launch(self, run: ReleaseContext) -> str:
        machine = next(
            one for one in resources(run.deploy, "v2", Label.PENDING, 101) if one.kind == INSTANCE
        )
        self.heap.add([machine])
        run.created.launched = (machine.id,)
        shell = self.reach.machine(machine.id, machine.addresses[0])
        run.created.machines = (NewMachine(machine.id, machine.addresses[0], shell),)
        return ""

    def turn_back(self, route: str) -> None:
        """Terraform's next apply: the whole action as it was declared, the first group alone."""
        self.traffic.actions[route] = {self._declared(route): 1}

    def bring_in_a_stranger(self, route: str) -> None:
        """Somebody adds a group of his own, and gives it all requests."""
        hers = Resource(TARGET_GROUP, f"targetgroup/hers/{len(route):016x}", PLACE, name="hers")
        self.heap.add([hers])
        self.traffic.actions[route] = {self._declared(route): 0, hers.id: 1}

    def _declared(self, route: str) -> str:
        return of_route(target_group(LIVE, Label.LIVE, 17), route).id


Hand = Callable[[SeveralRoutes, str], None]
