"""What a run looks at beside the services in its hands: further places, and what it cannot enter.

A sweep of many accounts never gives up because of one: what could not be entered is unknown, stands
in the result, and keeps the exit code from being 0 (protocol.md, rule 6).
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cloud import Heap
from reconciler.completeness import Read, Status
from reconciler.resource import Gap
from reconciler.verdict import Root


@dataclass(frozen=True)
class Beside:
    """All that a run has to do with, but for the services that it looks after.

    heaps  places where none of those services is at home: read, never changed
    roots  services that could not be opened, each with the problem; nothing of them is touched
    reads  rows of what was given up before anything could be read: accounts, regions
    known  services that are configured and not of this run: their things are no strangers
    """

    heaps: tuple[Heap, ...] = ()
    roots: tuple[Root, ...] = ()
    reads: tuple[Read, ...] = ()
    known: frozenset[str] = frozenset()

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What was given up, as gaps of the inventory."""
        failed = (one for one in self.reads if one.status is Status.FAILED)
        return tuple(Gap(one.place, one.kind, one.note) for one in failed)


NOTHING = Beside()
