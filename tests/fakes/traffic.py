"""Traffic through a load balancer in memory: routes, weights, target groups, their health.

Obeys the same contract as `TargetGroupTraffic` (tests/unit/reconciler/traffic/test_port.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reconciler.errors import CloudError, Refused, ToolError
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId, format_time
from reconciler.model.resource import TARGET_GROUP, Resource
from reconciler.traffic.port import JoinOrder
from reconciler.traffic.reading import Share, TrafficReading, TrafficRoute
from tests.fakes.inventory import FakeHeap
from tests.support.shop_world import LISTENER

DELAY = timedelta(seconds=300)


@dataclass
class FakeTraffic:
    """Implements `Traffic`. The groups are resources of `heap`; `acts` is told of each change."""

    heap: FakeHeap
    acts: list[str] = field(default_factory=list)
    actions: dict[str, dict[str, int]] = field(default_factory=lambda: {LISTENER: {}})
    odd: str = ""
    healthy: bool = True
    failing: dict[str, ToolError] = field(default_factory=dict)
    """Method → what it raises."""
    notes: tuple[str, ...] = ()
    in_batch: bool = False
    by_address: bool = False
    addresses: tuple[str, ...] = ()
    steps: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        self.heap.refuse = self._take_out

    def add(self, group: Resource, weight: int, route: str = LISTENER) -> None:
        """A group that is there, named by a route."""
        self.heap.add([group])
        self.actions[route][group.id] = weight

    def weights(self, route: str = LISTENER) -> dict[str, int]:
        """What the route says."""
        return dict(self.actions[route])

    def read(self) -> TrafficReading:
        self._act("read")
        return TrafficReading(
            tuple(
                TrafficRoute(
                    arn, tuple(self._share(group, n) for group, n in weights.items()), self.odd
                )
                for arn, weights in self.actions.items()
            )
        )

    def check(self) -> tuple[str, ...]:
        self._act("check")
        return self.notes

    def drain(self) -> timedelta:
        self._act("drain")
        return DELAY

    def create(self, order: JoinOrder) -> tuple[str, ...]:
        self._act("create")
        return tuple(self._make(order, route) for route in self.actions)

    def join(self, order: JoinOrder) -> tuple[str, ...]:
        self._act("join", f"join {order.lease.short}")
        if self.odd or any(self._is_foreign(one) for now in self.actions.values() for one in now):
            raise Refused("an action is not the service's alone: not changed")
        made = [(route, self._make(order, route)) for route in self.actions]
        for route, group in made:
            self.actions[route].setdefault(group, 0)
        return tuple(group for _, group in made)

    def register(self, order: JoinOrder) -> None:
        self._act("register", f"register {' '.join(order.machines)}")
        for route in self.actions:
            self._set(self._make(order, route), uses=order.machines)

    def waiting(self, order: JoinOrder) -> tuple[str, ...]:
        self._act("waiting")
        found = [self.heap.at(self._make(order, route)) for route in self.actions]
        there = all(set(order.machines) <= set(group.uses) for group in found)
        return () if self.healthy and there else tuple(f"{one} waits" for one in order.machines)

    def takers(self, order: JoinOrder) -> tuple[tuple[str, str], ...]:
        made = ((route, self._make(order, route)) for route in self.actions)
        missing = [route for route, group in made if group not in self.actions[route]]
        if missing:
            raise CloudError(f"{missing[0]} does not name the new target group any more")
        return tuple((route, self._make(order, route)) for route in self.actions)

    def switch(self, route: str, group: str, holders: Collection[str] | None) -> None:
        self._act("switch", f"switch {group}")
        now = self.actions[route]
        given = {one for one, weight in now.items() if weight} - {group}
        strange = self.odd or any(self._is_foreign(one) for one in now)
        if holders is not None and (strange or given - {*holders}):
            raise Refused(f"{route}: not changed")
        if group not in self.heap.ids:
            raise CloudError("no such group", code="TargetGroupNotFound")
        self.actions[route] = {**dict.fromkeys(now, 0), group: 1}

    def detach(self, route: str, group: str) -> None:
        if self.actions[route].get(group):
            raise Refused(f"{group} gets requests")
        self._act("detach", f"detach {group}")
        self.actions[route].pop(group, None)

    def mark_drained(self, group: str, since: datetime) -> None:
        self._act("mark_drained", f"drained {group}")
        self.tag([group], {t.DRAINED: format_time(since + DELAY)})

    def acknowledge(self) -> None:
        pass

    def tag(self, groups: Sequence[str], tags: Mapping[str, str]) -> None:
        for group in groups:
            self.heap.change(group, tags=tags)

    def untag(self, groups: Sequence[str], keys: Sequence[str]) -> None:
        self._act("untag")
        for group in groups:
            self.heap.untag(group, keys)

    def _act(self, method: str, said: str = "") -> None:
        self.acts.append(said or f"traffic {method}")
        if method in self.failing:
            raise self.failing[method]

    def _share(self, group: str, weight: int) -> Share:
        one = self.heap.at(group)
        return Share(group, weight, one.tags, one.uses if weight else ())

    def _is_foreign(self, group: str) -> bool:
        return DeployId.maybe(self.heap.at(group).tags.get(t.ID)) is None

    def _make(self, order: JoinOrder, route: str) -> str:
        name = order.lease.target_group_name(route)
        group = f"targetgroup/{name}/0"
        if group not in self.heap.ids:
            born = {**order.tags, t.LEASE: str(order.lease), t.LISTENER: route}
            self.heap.add([Resource(TARGET_GROUP, group, self.heap.place, born, name=name)])
        return group

    def _set(self, group: str, *, uses: tuple[str, ...]) -> None:
        key = (TARGET_GROUP, group)
        self.heap.held[key] = replace(self.heap.held[key], uses=uses)

    def _take_out(self, one: Resource) -> str:
        """A deletion takes the group out of its route; one that gets requests stays."""
        if one.kind != TARGET_GROUP:
            return ""
        if any(weights.get(one.id) for weights in self.actions.values()):
            return "a route that sends it requests"
        for weights in self.actions.values():
            weights.pop(one.id, None)
        return ""
