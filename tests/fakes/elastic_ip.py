"""Traffic by an Elastic IP in memory: which machine of the heap has the address.

Obeys the same contract as `ElasticIpTraffic` (tests/unit/reconciler/traffic/test_every_kind.py).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from reconciler.errors import CloudError, Refused, ToolError
from reconciler.traffic.port import JoinOrder
from reconciler.traffic.reading import Share, TrafficReading, TrafficRoute
from reconciler.traffic.unprepared import Unprepared
from tests.fakes.inventory import FakeHeap

ALLOCATION = "eipalloc-0123456789abcdef0"
ADDRESS = "203.0.113.7"


@dataclass(frozen=True)
class FakeElasticIp(Unprepared):
    """Implements `Traffic`. `at` has the one machine; `acts` is told of each move."""

    heap: FakeHeap
    at: list[str] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    failing: dict[str, ToolError] = field(default_factory=dict)
    in_batch: bool = False
    by_address: bool = False
    addresses: tuple[str, ...] = (ADDRESS,)
    steps: tuple[tuple[str, str], ...] = (("commit", "the ledger; then the address moves"),)

    def read(self) -> TrafficReading:
        shares = tuple(
            Share(one, 1, self.heap.at(one).tags, (one,)) for one in self.at if not self.odd
        )
        return TrafficReading((TrafficRoute(ALLOCATION, shares, "".join(self.odd), ADDRESS),))

    def check(self) -> tuple[str, ...]:
        return ()

    def waiting(self, order: JoinOrder) -> tuple[str, ...]:
        down = [one for one in order.machines if self._state(one) != "running"]
        return tuple(f"{one} is {self._state(one)}" for one in down)

    def takers(self, order: JoinOrder) -> tuple[tuple[str, str], ...]:
        if len(order.machines) != 1:
            raise Refused("an Elastic IP leads to one machine alone")
        return ((ALLOCATION, order.machines[0]),)

    def switch(self, route: str, group: str, holders: Collection[str] | None) -> None:
        self.acts.append(f"switch {group}")
        if "switch" in self.failing:
            raise self.failing["switch"]
        moved = {*self.at} - {group, *(holders or ())}
        if holders is not None and (moved or self.odd):
            raise Refused(f"{route}: not moved")
        if self._state(group) != "running":
            raise CloudError(f"{group} does not run")
        self.odd.clear()
        self.at[:] = [group]

    def _state(self, machine: str) -> str:
        return self.heap.at(machine).state if machine in self.heap.ids else "not there"
