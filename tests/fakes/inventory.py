"""The resources of one place in memory: tags filtered, listings that lag, deletions that take time.

Obeys the same contract as `Ec2Heap` (tests/unit/reconciler/ports/test_cloud_inventory.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.errors import ToolError
from reconciler.gc.verdict import CONDEMNED
from reconciler.model import tags as t
from reconciler.model.coverage import INDEX, Read
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import (
    INSTANCE,
    INTERFACE,
    TARGET_GROUP,
    VOLUME,
    Gap,
    Inventory,
    Resource,
)
from reconciler.model.tag_summary import KEYS, Groups, TagSummary, grouped
from reconciler.model.tags import AccountRegion, Label
from tests.support.shop_world import PLACE

WITH_ITS_MACHINE = (VOLUME, INTERFACE)
Key = tuple[str, str]


@dataclass
class FakeHeap:
    """Implements `Heap`. `acts` is told of every call, in their order."""

    acts: list[str] = field(default_factory=list)
    place: AccountRegion = PLACE
    held: dict[Key, Resource] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    """Kinds that cannot be read now."""
    unlisted: dict[str, int] = field(default_factory=dict)
    """Id → so many scans will not show it yet: EC2's listings lag behind its creates."""
    protected: dict[str, str] = field(default_factory=dict)
    """Id → why AWS will not delete it."""
    unlabelled: dict[str, str] = field(default_factory=dict)
    """Id → why AWS will not tag it."""
    failing: dict[str, ToolError] = field(default_factory=dict)
    """Method → what it raises."""
    ends: dict[str, str] = field(default_factory=dict)
    """Id → why a machine that halts itself is terminated."""
    slow: dict[str, int] = field(default_factory=dict)
    """Id → so many looks at it until it is gone."""
    meddlers: list[Callable[[], object]] = field(default_factory=list)
    """Each runs just before one describe: somebody who was first."""
    refuse: Callable[[Resource], str] = lambda _: ""
    """What is still in the way of a deletion; told of each."""

    def add(self, resources: Iterable[Resource]) -> None:
        """Things that are there."""
        self.held |= {(one.kind, one.id): one for one in resources}

    def change(self, id_: str, *, tags: Mapping[str, str] | None = None, **facts: Any) -> None:
        """Something happens to a thing; `tags` are added to its own."""
        [key] = [one for one in self.held if one[1] == id_]
        known = self.held[key]
        self.held[key] = replace(known, tags={**known.tags, **(tags or {})}, **facts)

    def untag(self, id_: str, keys: Sequence[str]) -> None:
        """Somebody takes tags off a thing."""
        [key] = [one for one in self.held if one[1] == id_]
        left = {k: v for k, v in self.held[key].tags.items() if k not in keys}
        self.held[key] = replace(self.held[key], tags=left)

    def at(self, id_: str) -> Resource:
        """The thing of this id."""
        return next(one for one in self.held.values() if one.id == id_)

    @property
    def ids(self) -> set[str]:
        """Ids of everything that is there."""
        return {one.id for one in self.held.values()}

    def labels(self) -> dict[str, str]:
        """Each thing's label."""
        return {one.id: one.tags.get(t.STATE, "") for one in self.held.values()}

    def scan(self, *, unfinished_only: bool = False) -> Inventory:
        self._act("scan")
        listed = self._listed()
        return self._inventory(
            one for one in listed if not unfinished_only or one.label in CONDEMNED
        )

    def machines_of(self, service: str) -> Inventory:
        self._act("machines")
        claimed = (one for one in self._listed() if one.tags[t.ID].startswith(f"{service}/"))
        return self._inventory(one for one in claimed if one.kind == INSTANCE)

    def tag_summary(self) -> TagSummary:
        self._act("scan")
        rows = (
            (one.kind, one.id, key, one.tags[key])
            for one in self._listed()
            for key in KEYS
            if key in one.tags
        )
        return TagSummary(
            self.place, grouped(rows), reads=(Read(self.place, INDEX, pages=1, calls=1),)
        )

    def _listed(self) -> list[Resource]:
        """What the tag index shows now."""
        for id_, left in list(self.unlisted.items()):
            self.unlisted[id_] = left - 1
        return [
            one
            for one in self.held.values()
            if t.ID in one.tags and self.unlisted.get(one.id, -1) < 0
        ]

    def describe_groups(self, groups: Groups) -> Inventory:
        wanted = ((group.kind, one) for group, ids in groups.items() for one in ids)
        return self._inventory(self.held[key] for key in wanted if key in self.held)

    def describe(self, resources: Sequence[Resource]) -> Inventory:
        if self.meddlers:
            self.meddlers.pop(0)()
        self._act("describe")
        wanted = [(one.kind, one.id) for one in resources]
        for key in wanted:
            self._pass_time(key)
        return self._inventory(self.held[key] for key in wanted if key in self.held)

    def tagged(self, resources: Sequence[Resource]) -> Inventory:
        self._act("tags")
        now = [self.held.get((one.kind, one.id)) for one in resources]
        both = zip(resources, now, strict=True)
        found = (replace(known, tags=there.tags) for known, there in both if there is not None)
        return self._inventory(one for one in found if t.ID in one.tags)

    def volumes(self, ids: Sequence[str]) -> Inventory:
        self._act("volumes")
        keys = ((VOLUME, id_) for id_ in ids)
        return self._inventory(self.held[key] for key in keys if key in self.held)

    def label(
        self, resources: Sequence[Resource], label: Label, units: str = ""
    ) -> tuple[Outcome, ...]:
        if resources:
            self._act("label", f"label {label} {' '.join(sorted(one.id for one in resources))}")
        return tuple(self._label(one, label, units) for one in resources)

    def unparkable(self, machines: Sequence[Resource]) -> Mapping[str, str]:
        self._act("unparkable")
        return {one.id: self.ends[one.id] for one in machines if one.id in self.ends}

    def delete(self, resources: Sequence[Resource]) -> tuple[Outcome, ...]:
        kinds = {one.kind for one in resources}
        if len(kinds) > 1:
            raise ValueError(f"one kind at a time: {', '.join(sorted(kinds))}")
        ids = " ".join(sorted(one.id for one in resources))
        self._act("delete", f"delete {ids}")
        return tuple(self._delete(one) for one in resources)

    def _act(self, method: str, said: str = "") -> None:
        self.acts.append(said or method)
        if method in self.failing:
            raise self.failing[method]

    def _inventory(self, resources: Iterable[Resource]) -> Inventory:
        hidden = {gap.kind for gap in self.gaps}
        seen = tuple(one for one in resources if one.kind not in hidden)
        return Inventory(seen, tuple(self.gaps), (Read(self.place, INDEX, pages=1, calls=1),))

    def _label(self, one: Resource, label: Label, units: str) -> Outcome:
        key = (one.kind, one.id)
        why = self.unlabelled.get(one.id, "" if key in self.held else "InvalidID.NotFound")
        if why or one.place != self.place:
            return Outcome(one, OutcomeStatus.FAILED, why or "InvalidID.NotFound")
        told = {t.UNITS: units} if units and one.kind == INSTANCE else {}
        self.change(one.id, tags={t.STATE: label.value, **told})
        return Outcome(one, OutcomeStatus.DONE)

    def _delete(self, one: Resource) -> Outcome:
        key = (one.kind, one.id)
        if one.id in self.protected:
            return Outcome(one, OutcomeStatus.BLOCKED, self.protected[one.id])
        # AWS terminates a machine that a target group holds: only our own order protects it.
        users = (each for each in self.held.values() if each.kind != TARGET_GROUP)
        user = next((each.id for each in users if one.id in each.uses), "") or self.refuse(one)
        if user:
            return Outcome(one, OutcomeStatus.BLOCKED, f"in use by {user}")
        if one.kind == INSTANCE and key in self.held:
            self.change(one.id, state="shutting-down")
            self.slow.setdefault(one.id, 1)
        else:
            self._remove(key)
        return Outcome(one, OutcomeStatus.PENDING)

    def _pass_time(self, key: Key) -> None:
        one = self.held.get(key)
        if one is None or one.state != "shutting-down":
            return
        self.slow[one.id] -= 1
        if self.slow[one.id] > 0:
            return
        self._remove(key)
        for used in one.uses:  # DeleteOnTermination
            for kind in WITH_ITS_MACHINE:
                self._remove((kind, used))

    def _remove(self, key: Key) -> None:
        self.held.pop(key, None)
        for other, one in self.held.items():
            if key[1] in one.used_by:
                left = tuple(user for user in one.used_by if user != key[1])
                self.held[other] = replace(one, used_by=left)
