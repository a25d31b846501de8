"""The record itself: traffic that changes in the ledger's own batch. Nothing has to follow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from reconciler.traffic.port import JoinOrder
from reconciler.traffic.unprepared import Unprepared


@dataclass(frozen=True)
class RecordTraffic(Unprepared):
    """`Traffic` of a service whose A record names its machines."""

    in_batch: bool = True
    by_address: bool = True
    addresses: tuple[str, ...] = ()
    steps: tuple[tuple[str, str], ...] = ()

    def read(self) -> None:
        """See `Traffic.read`."""

    def check(self) -> tuple[str, ...]:
        """See `Traffic.check`."""
        return ()

    def waiting(self, order: JoinOrder) -> tuple[str, ...]:
        """See `Traffic.waiting`."""
        return self.create(order)

    def takers(self, order: JoinOrder) -> tuple[tuple[str, str], ...]:
        """See `Traffic.takers`."""
        del order
        return ()

    def switch(self, route: str, group: str, holders: Collection[str] | None) -> None:
        """See `Traffic.switch`."""
