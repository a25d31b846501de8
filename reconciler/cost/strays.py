"""What is not ours and looks left behind: a judgement from descriptions alone. Pure.

Nothing here is ever deleted by us: whose it is, only people know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum

from reconciler.cost import estimate
from reconciler.cost.estimate import Sum
from reconciler.cost.grouping import dearest
from reconciler.cost.price_list import Prices
from reconciler.cost.rates import LOAD_BALANCER
from reconciler.model import tags as t
from reconciler.model.resource import (
    ADDRESS,
    IMAGE,
    INSTANCE,
    SNAPSHOT,
    TARGET_GROUP,
    VOLUME,
    Resource,
)

OLD = timedelta(days=14)
"""Younger things may be work in progress."""
VERY_OLD = timedelta(days=90)


class Confidence(IntEnum):
    """How sure it is that nobody needs it; the surest first."""

    HIGH = 1
    MEDIUM = 2
    LOW = 3


@dataclass(frozen=True)
class Account:
    """What a region of an account holds, and which of it something outside of it uses.

    `used`: the ids in launch templates, launch configurations and files; `unread`: what of these
    could not be read, so that no image is known to be unused.
    """

    resources: tuple[Resource, ...] = ()
    used: frozenset[str] = frozenset()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stray:
    """One of them: why it looks left behind, since when, how sure that is, and what it costs."""

    resource: Resource
    why: str
    since: datetime | None
    confidence: Confidence
    cost: Sum = field(default_factory=Sum)


def strays(account: Account, now: datetime, prices: Prices, old: timedelta = OLD) -> list[Stray]:
    """What looks left behind for so long, dearest first; unknown prices before all others."""
    judge = _Judge(account, now, prices)
    found = [stray for stray in judge.all() if stray.since is None or now - stray.since >= old]
    return in_order(found)


def in_order(found: Iterable[Stray]) -> list[Stray]:
    """Dearest first; what is not known may be dearer than all that is."""
    return sorted(found, key=lambda stray: (*dearest(stray.cost), stray.resource.key))


class _Judge:
    """The rules of each kind, over one region."""

    def __init__(self, account: Account, now: datetime, prices: Prices) -> None:
        self._account, self._now, self._prices = account, now, prices
        self._by_id = {resource.id: resource for resource in account.resources}
        self._launched = {
            resource.source for resource in account.resources if resource.kind == INSTANCE
        }
        self._imaged = {
            snapshot
            for resource in account.resources
            if resource.kind == IMAGE
            for snapshot in resource.uses
        }

    def all(self) -> Iterator[Stray]:
        """Everything that is not ours and that a rule finds."""
        rules = {
            INSTANCE: self._stopped,
            VOLUME: self._unattached,
            ADDRESS: self._idle,
            IMAGE: self._unused_image,
            SNAPSHOT: self._orphaned_snapshot,
            LOAD_BALANCER: self._empty,
            TARGET_GROUP: self._empty,
        }
        for resource in self._account.resources:
            rule = rules.get(resource.kind)
            if rule is not None and t.ID not in resource.tags and not self._is_named(resource):
                yield from rule(resource)

    def _is_named(self, resource: Resource) -> bool:
        """Whether a template, a configuration or a file names it, or its ARN."""
        return not self._account.used.isdisjoint((resource.id, resource.name))

    def _stopped(self, machine: Resource) -> Iterator[Stray]:
        """It pays for its volumes and addresses."""
        if machine.state != "stopped":
            return
        since = machine.billing.stopped
        sure = Confidence.MEDIUM if since else Confidence.LOW
        if since and self._now - since >= VERY_OLD:
            sure = Confidence.HIGH
        volumes = [self._by_id[used] for used in machine.uses if used in self._by_id]
        why = "stopped" if since else "stopped, it is not known since when"
        yield self._stray(machine, why, since or machine.created, sure, volumes)

    def _unattached(self, volume: Resource) -> Iterator[Stray]:
        if volume.state == "available":
            sure = self._by_age(volume.created)
            yield self._stray(volume, "attached to nothing", volume.created, sure)

    def _idle(self, address: Resource) -> Iterator[Stray]:
        if address.public_ips:
            yield self._stray(address, "used by nothing", None, Confidence.HIGH)

    def _unused_image(self, image: Resource) -> Iterator[Stray]:
        if image.id in self._launched or image.protected:
            return
        unread = self._account.unread
        why = "no machine, template or configuration here uses it"
        if image.shared:
            why += "; it is shared, so another account may"
        sure = Confidence.LOW if unread or image.shared else Confidence.MEDIUM
        snapshots = [self._by_id[used] for used in image.uses if used in self._by_id]
        yield self._stray(image, why, image.created, sure, snapshots)

    def _orphaned_snapshot(self, snapshot: Resource) -> Iterator[Stray]:
        if snapshot.id in self._imaged or any(key.startswith("aws:") for key in snapshot.tags):
            return
        if snapshot.source in self._by_id:
            why, sure = "of no image; its volume exists, so it may be a backup", Confidence.LOW
        else:
            why, sure = "of no image, and its volume is gone", Confidence.MEDIUM
        yield self._stray(snapshot, why, snapshot.created, sure)

    def _empty(self, resource: Resource) -> Iterator[Stray]:
        """`used_by` has what it leads to, or what leads to it."""
        if not resource.used_by:
            sure = self._by_age(resource.created)
            yield self._stray(resource, "empty", resource.created, sure)

    def _by_age(self, created: datetime | None) -> Confidence:
        very_old = created is not None and self._now - created >= VERY_OLD
        return Confidence.HIGH if very_old else Confidence.MEDIUM

    def _stray(
        self,
        resource: Resource,
        why: str,
        since: datetime | None,
        sure: Confidence,
        parts: Iterable[Resource] = (),
    ) -> Stray:
        """With the cost of its parts, which have no row of their own."""
        costs = (estimate.of(each, self._now, self._prices) for each in (resource, *parts))
        return Stray(resource, why, since, sure, estimate.add(costs))
