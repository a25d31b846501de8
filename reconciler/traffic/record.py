"""The record itself: traffic that changes in the ledger's own batch. Nothing has to follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.traffic.port import JoinOrder


@dataclass(frozen=True)
class RecordTraffic:
    """`Traffic` of a service whose A record names its machines."""

    in_batch: bool = True

    def read(self) -> None:
        """See `Traffic.read`."""

    def check(self) -> tuple[str, ...]:
        """See `Traffic.check`."""
        return ()

    def drain(self) -> None:
        """See `Traffic.drain`."""

    def create(self, order: JoinOrder) -> tuple[str, ...]:
        """See `Traffic.create`."""
        del order
        return ()

    def join(self, order: JoinOrder) -> tuple[str, ...]:
        """See `Traffic.join`."""
        return self.create(order)

    def register(self, order: JoinOrder) -> None:
        """See `Traffic.register`."""

    def waiting(self, order: JoinOrder) -> tuple[str, ...]:
        """See `Traffic.waiting`."""
        return self.create(order)

    def switch(self, route: str, group: str, *, forced: bool = False) -> None:
        """See `Traffic.switch`."""

    def detach(self, route: str, group: str) -> None:
        """See `Traffic.detach`."""

    def mark_drained(self, group: str, since: datetime) -> None:
        """See `Traffic.mark_drained`."""

    def tag(self, groups: Sequence[str], tags: Mapping[str, str]) -> None:
        """See `Traffic.tag`."""
