"""What a run covers: its services, other places, and what it could not enter.

A sweep of many accounts never aborts because of one: an account that could not be entered is
unknown, is part of the result, and keeps the exit code from being 0 (protocol.md, rule 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.gc.verdict import Root
from reconciler.model.coverage import Read, ReadStatus
from reconciler.model.reading import Reading
from reconciler.model.resource import Gap
from reconciler.model.tags import AccountRegion
from reconciler.plan.service_plan import SweepRequest
from reconciler.ports.cloud_inventory import CloudInventory
from reconciler.ports.service import ManagedService


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
            Read(gap.place, gap.kind, ReadStatus.FAILED, note=gap.reason) for gap in self.gaps
        )


NO_OTHER_PLACES = OtherPlaces()


@dataclass(frozen=True)
class Fleet:
    """The scope of one run.

    services         compared with their ledgers, and changed
    other_places     everything else that is configured
    requests         by service, where more is asked of it than what is usual
    unfinished_only  list only what is labelled pending, failed or left: possible garbage is found
                     early, and what needs the full inventory is left to a full run
    """

    services: tuple[ManagedService, ...]
    other_places: OtherPlaces = NO_OTHER_PLACES
    requests: Mapping[str, SweepRequest] = field(default_factory=dict)
    unfinished_only: bool = False

    @staticmethod
    def of(service: ManagedService, request: SweepRequest | None = None) -> Fleet:
        """One service alone."""
        return Fleet((service,), requests={service.name: request} if request else {})

    @property
    def inventories(self) -> Mapping[AccountRegion, CloudInventory]:
        """The inventory of every place, each once."""
        every = (*self.other_places.heaps, *(service.heap for service in self.services))
        return {heap.place: heap for heap in every}

    def full_requests(self, readings: Mapping[str, Reading]) -> Mapping[str, SweepRequest]:
        """The request for every service, once its ledger has been read."""
        return {
            service.name: self._full_request(service, readings.get(service.name))
            for service in self.services
        }

    def _full_request(self, service: ManagedService, reading: Reading | None) -> SweepRequest:
        asked = self.requests.get(service.name) or SweepRequest(service.retention)
        restricted = asked.among is not None or asked.deletable is not None
        if service.name not in self.requests or restricted:
            asked = replace(asked, ttl=reading.drain_ttl if reading else 60)
        return replace(asked, unfinished_only=self.unfinished_only)
