"""EC2's creates in memory, on a FakeHeap: idempotent by token and name, replies lost at will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deployer.compute import Disk, ImageFacts, ImageOrder, InstanceFacts, LaunchOrder
from reconciler.errors import CloudError, CloudUnclear, ToolError
from reconciler.model.resource import IMAGE, INSTANCE, INTERFACE, SNAPSHOT, VOLUME, Resource
from tests.fakes.inventory import FakeHeap
from tests.support.shop_world import ZONE


@dataclass
class FakeCompute:
    """Implements `Compute`."""

    heap: FakeHeap
    lost: list[str] = field(default_factory=list)
    """Methods whose next call is carried out unheard: CloudUnclear."""
    failing: dict[str, ToolError] = field(default_factory=dict)
    """Method → what it raises, nothing done."""
    image_state: str = "available"
    """Of every image."""
    unseen: int = 0
    """Looks by its id that do not show an image."""
    booting: bool = False
    """No machine gets any further than `pending`."""
    number: int = 100
    started: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Machine → what is different once it has been started."""
    elastic: set[str] = field(default_factory=set)
    """Addresses that are Elastic IPs."""
    disks: tuple[Disk, ...] = ()
    """Of every machine; the first is its root."""
    orders: list[ImageOrder] = field(default_factory=list)
    """The images that were ordered."""
    ends: str = ""
    """Why every machine that is launched terminates instead of running."""

    def find_instances_at(
        self, addresses: Sequence[str], likely: Sequence[str] = ()
    ) -> tuple[InstanceFacts, ...]:
        del likely
        return tuple(
            self._facts(one)
            for one in self.heap.held.values()
            if one.kind == INSTANCE and set(one.addresses) & set(addresses)
        )

    def instances(self, ids: Sequence[str]) -> tuple[InstanceFacts, ...]:
        self._may_fail("instances")
        for id_ in ids:  # time passes
            one = self.heap.held.get((INSTANCE, id_))
            if one is not None and one.state == "pending" and not self.booting:
                self.heap.change(id_, state="running")
        found = (self.heap.held.get((INSTANCE, id_)) for id_ in ids)
        return tuple(self._facts(one) for one in found if one is not None)

    def _facts(self, one: Resource) -> InstanceFacts:
        root = self.disks[0].device if self.disks else ""
        facts = replace(facts_of(one), disks=self.disks, root=root)
        launched = self.ends and one.id.startswith("i-10")
        return replace(facts, state="terminated", reason=self.ends) if launched else facts

    def elastic_ips(self, addresses: Sequence[str]) -> tuple[str, ...]:
        return tuple(sorted(self.elastic.intersection(addresses)))

    def zone_of(self, subnet: str) -> str:
        return ZONE if subnet else ""

    def create_image(self, order: ImageOrder) -> str:
        self._may_fail("create_image")
        self.orders.append(order)
        known = self._named(order.name)
        if known is None:
            known = self._new_image(order)
        self._may_lose("create_image")
        return known.id

    def image(self, id_: str) -> ImageFacts | None:
        one = self.heap.held.get((IMAGE, id_))
        self.unseen -= 1
        if one is None or self.unseen >= 0:
            return None
        return ImageFacts(one.id, one.name, self.image_state, tags=one.tags)

    def image_named(self, name: str) -> ImageFacts | None:
        one = self._named(name)
        return self.image(one.id) if one else None

    def launch(self, order: LaunchOrder) -> tuple[str, ...]:
        self._may_fail("launch")
        ids = self.launched(order.token) or tuple(self._new(order) for _ in range(order.count))
        self._may_lose("launch")
        return ids

    def start(self, ids: Sequence[str]) -> None:
        self.heap.acts.append(f"start {' '.join(ids)}")
        self._may_fail("start")
        for id_ in ids:
            self.heap.change(id_, **{"state": "running", **self.started.get(id_, {})})

    def launched(self, token: str) -> tuple[str, ...]:
        return tuple(one.id for one in self.heap.held.values() if one.token == token)

    def console(self, id_: str) -> str:
        return f"{id_} login:"

    def tag(self, ids: Sequence[str], tags: Mapping[str, str]) -> None:
        self.heap.acts.append(f"tag {' '.join(ids)}")
        self._may_fail("tag")
        for id_ in ids:
            self.heap.change(id_, tags=dict(tags))

    def untag(self, id_: str, keys: Sequence[str]) -> None:
        self.heap.acts.append(f"untag {id_}")
        self._may_fail("untag")
        self.heap.untag(id_, keys)

    def _may_fail(self, method: str) -> None:
        if method in self.failing:
            raise self.failing[method]

    def _may_lose(self, method: str) -> None:
        if method in self.lost:
            self.lost.remove(method)
            raise CloudUnclear(f"{method}: no answer")

    def _named(self, name: str) -> Resource | None:
        found = (one for one in self.heap.held.values() if one.kind == IMAGE)
        return next((one for one in found if one.name == name), None)

    def _thing(self, kind: str, id_: str, tags: Mapping[str, Mapping[str, str]]) -> Resource:
        return Resource(kind, id_, self.heap.place, dict(tags.get(kind, {})))

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _new_image(self, order: ImageOrder) -> Resource:
        n = self._next()
        self.heap.acts.append(f"create ami-{n}")
        if (INSTANCE, order.instance) not in self.heap.held:
            raise CloudError(f"{order.instance} does not exist", code="InvalidInstanceID.NotFound")
        image = replace(
            self._thing(IMAGE, f"ami-{n}", order.tags), name=order.name, uses=(f"snap-{n}",)
        )
        snapshot = self._thing(SNAPSHOT, f"snap-{n}", order.tags)
        self.heap.add([image, replace(snapshot, source=image.id, used_by=(image.id,))])
        return image

    def _new(self, order: LaunchOrder) -> str:
        n = self._next()
        id_ = f"i-{n}"
        self.heap.acts.append(f"create {id_}")
        machine = replace(
            self._thing(INSTANCE, id_, order.tags),
            state="pending",
            token=order.token,
            zone=ZONE,
            type=order.type,
            addresses=(f"10.0.2.{n}",),
            uses=(f"vol-{n}", f"eni-{n}"),
        )
        volume = replace(self._thing(VOLUME, f"vol-{n}", order.tags), used_by=(id_,))
        interface = replace(self._thing(INTERFACE, f"eni-{n}", order.tags), used_by=(id_,))
        self.heap.add([machine, volume, interface])
        return id_


def facts_of(one: Resource) -> InstanceFacts:
    """A machine as a clone sees it."""
    return InstanceFacts(
        id=one.id,
        state=one.state,
        type=one.type,
        image=one.source,
        subnet="subnet-1",
        zone=one.zone,
        groups=("sg-1",),
        profile="shop",
        key="ops",
        disks=(),
        private_address=next(iter(one.addresses), ""),
        public_address="",
        addresses=one.addresses,
        tags=one.tags,
    )
