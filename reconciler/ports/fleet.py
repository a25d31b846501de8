"""What a run covers besides its own services: other places, and what it could not enter.

A sweep of many accounts never aborts because of one: an account that could not be entered is
unknown, is part of the result, and keeps the exit code from being 0 (protocol.md, rule 6).
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.gc.verdict import Root
from reconciler.model.coverage import Read, ReadStatus
from reconciler.model.resource import Gap
from reconciler.ports.cloud_inventory import CloudInventory


@dataclass(frozen=True)
class OtherPlaces:
    """Everything that a run covers, except the services that it manages.

    heaps  places where none of those services is at home: read, never changed
    roots  services that could not be opened, each with the problem; none of theirs is changed
    gaps   scopes that were abandoned before anything could be read: accounts, regions
    known  configured services that are not part of this run: their resources are not foreign
    """

    heaps: tuple[CloudInventory, ...] = ()
    roots: tuple[Root, ...] = ()
    gaps: tuple[Gap, ...] = ()
    known: frozenset[str] = frozenset()

    @property
    def reads(self) -> tuple[Read, ...]:
        """The coverage rows of the gaps."""
        return tuple(
            Read(one.place, one.kind, ReadStatus.FAILED, note=one.reason) for one in self.gaps
        )


NOTHING = OtherPlaces()
