"""What a run looks at beside the services in its hands: further places, and what it cannot enter.

A sweep of many accounts never gives up because of one: what could not be entered is unknown, stands
in the result, and keeps the exit code from being 0 (protocol.md, rule 6).
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.gc.verdict import Root
from reconciler.model.coverage import Read, ReadStatus
from reconciler.model.resource import Gap
from reconciler.ports.cloud_inventory import CloudInventory


@dataclass(frozen=True)
class OtherPlaces:
    """All that a run has to do with, but for the services that it looks after.

    heaps  places where none of those services is at home: read, never changed
    roots  services that could not be opened, each with the problem; nothing of them is touched
    gaps   what was given up before anything could be read: accounts, regions
    known  services that are configured and not of this run: their things are no strangers
    """

    heaps: tuple[CloudInventory, ...] = ()
    roots: tuple[Root, ...] = ()
    gaps: tuple[Gap, ...] = ()
    known: frozenset[str] = frozenset()

    @property
    def reads(self) -> tuple[Read, ...]:
        """The rows of what was given up."""
        return tuple(
            Read(one.place, one.kind, ReadStatus.FAILED, note=one.reason) for one in self.gaps
        )


NOTHING = OtherPlaces()
