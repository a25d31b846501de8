"""What the kinds of traffic share for which nothing is made before the switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.traffic.port import JoinOrder


@dataclass(frozen=True)
class Unprepared:
    """The methods of `Traffic` that create, fill and end target groups: they do nothing."""

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

    def detach(self, route: str, group: str) -> None:
        """See `Traffic.detach`."""

    def mark_drained(self, group: str, since: datetime) -> None:
        """See `Traffic.mark_drained`."""

    def acknowledge(self) -> None:
        """See `Traffic.acknowledge`."""

    def tag(self, groups: Sequence[str], tags: Mapping[str, str]) -> None:
        """See `Traffic.tag`."""

    def untag(self, groups: Sequence[str], keys: Sequence[str]) -> None:
        """See `Traffic.untag`."""
