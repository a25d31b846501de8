"""When a thing is believed to be gone. Pure, but for a clock that is passed in.

EC2's listings lag: "InvalidInstanceID.NotFound does not mean that the instance does not exist",
not even after it was terminated (aws.md §1). So a look that does not show a thing proves nothing of
a young one, which is what the clean-up of a failed release deletes. Absence is believed

- of what EC2 itself lists as terminated, deregistered or deleted;
- of what it agreed to delete, and no longer lists (an instance stays listed for an hour, so it
  has to be seen terminated);
- of what was only in use by things that are believed gone, and went with them;
- of what is old enough to have been listed everywhere for long;
- of all else once every look of a while agreed.

A database is listed by its own server, which does not lag.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.model.resource import DATABASE, INSTANCE, Inventory, Resource

STATES = frozenset({"terminated", "deregistered", "deleted"})
"""States of things that are still listed for a while, and are no more."""

DYING = frozenset({"shutting-down", "deleting"})
"""States on the way there."""

LISTED_AFTER = timedelta(minutes=5)
"""Older things are in every listing. AWS: "a couple of seconds up to a few minutes"."""

AGREED = 10.0
"""Seconds for which no look may have shown a younger thing."""


@dataclass
class AbsenceTracker:
    """What a clean-up knows to be gone. `now` is the ledger's clock, `clock` counts seconds."""

    now: datetime
    known: set[str] = field(default_factory=set)
    _agreed: set[str] = field(default_factory=set)
    _missing: dict[str, float] = field(default_factory=dict)

    def agreed(self, resources: Iterable[Resource]) -> None:
        """AWS has said that it deletes these."""
        self._agreed.update(one.id for one in resources)

    def update(self, asked: Iterable[Resource], seen: Inventory, clock: float) -> list[Resource]:
        """What of `asked` is not gone, after a look that showed `seen`."""
        shown = {one.id: one for one in seen.resources}
        unread = {one.kind for one in seen.gaps}
        left = []
        for one in sorted(asked, key=lambda each: each.kind != INSTANCE):
            there = shown.get(one.id)
            if there is not None and there.state not in STATES:
                self._missing.pop(one.id, None)
                self.known.discard(one.id)
            elif there is not None or (one.kind not in unread and self._believed(one, clock)):
                self.known.add(one.id)
            if one.id not in self.known:
                left.append(one)
        return left

    def is_under_way(self, left: Iterable[Resource], seen: Inventory) -> bool:
        """Whether waiting helps. What AWS did not find but lists has to be asked for again."""
        stay = {one.id for one in seen.resources if one.state not in DYING}
        return any(one.id in self._agreed or one.id not in stay for one in left)

    def _believed(self, one: Resource, clock: float) -> bool:
        """Whether that it was not shown now means that it is gone."""
        since = self._missing.setdefault(one.id, clock)
        if one.id in self.known or one.kind == DATABASE or clock - since >= AGREED:
            return True
        if one.id in self._agreed and one.kind != INSTANCE:
            return True
        if one.used_by and self.known.issuperset(one.used_by):
            return True
        return one.deploy is not None and self.now - one.deploy.born >= LISTED_AFTER


@dataclass
class Sightings:
    """Of one thing whose id its create returned: whether it is gone, by one look after another.

    What was never seen may only not be listed yet, however often it is missing.
    """

    seen: bool = False
    _missing: float | None = None

    def update(self, state: str | None, clock: float) -> bool:
        """Whether it is gone, after a look that showed it in this state; None: it did not."""
        if state is not None:
            self.seen, self._missing = True, None
            return state in STATES
        if not self.seen:
            return False
        if self._missing is None:
            self._missing = clock
        return clock - self._missing >= AGREED
