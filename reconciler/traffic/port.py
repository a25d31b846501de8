"""The port to what sends clients to the live deploy. `reconciler.traffic.record` is the simplest.

A record changes in the ledger's own batch. Any other traffic *follows* the ledger: the commit is
the ledger's swap alone, the switch comes right after it, is idempotent, and is due in every round
of a sweep until traffic says what the ledger says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from reconciler.model.deploy_id import DeployId
from reconciler.traffic.reading import TrafficReading


@dataclass(frozen=True)
class JoinOrder:
    """The machines that are to take traffic over.

    `lease` is the release or rollback that makes what it needs, `tags` are those of its birth.
    """

    lease: DeployId
    machines: tuple[str, ...]
    tags: Mapping[str, str]


class Traffic(Protocol):
    """The traffic of one service. Methods raise CloudError, CloudUnclear, AccessDenied, Refused."""

    @property
    def in_batch(self) -> bool:
        """Whether it changes with the ledger, in one batch: then the other methods do nothing."""
        ...

    @property
    def by_address(self) -> bool:
        """Whether clients come to the machines' own addresses: then the ledger says these."""
        ...

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that it moves itself: a name that holds one leaves no client behind."""
        ...

    @property
    def steps(self) -> tuple[tuple[str, str], ...]:
        """What a release does with it, for `plan`: steps by name. Empty if it is in the batch."""
        ...

    def read(self) -> TrafficReading | None:
        """What stands there now; None if the ledger's own reading says it."""
        ...

    def check(self) -> tuple[str, ...]:
        """What a person should know of it. Raises Refused if no release can take it over."""
        ...

    def drain(self) -> timedelta | None:
        """How long after a switch requests may be in flight; None: the record's TTL says it."""
        ...

    def create(self, order: JoinOrder) -> tuple[str, ...]:
        """Create what the order needs, or find what an earlier call created. Idempotent."""
        ...

    def join(self, order: JoinOrder) -> tuple[str, ...]:
        """Create it, and connect it to what leads to live, without any requests. Idempotent.

        Raises Refused, before it creates anything, where an action is not the service's alone.
        """
        ...

    def register(self, order: JoinOrder) -> None:
        """Add the machines to what was joined: from now on their health is checked. Idempotent."""
        ...

    def waiting(self, order: JoinOrder) -> tuple[str, ...]:
        """The machines that are not ready for requests yet, each with the reason."""
        ...

    def takers(self, order: JoinOrder) -> tuple[tuple[str, str], ...]:
        """Each route, and the group or machine of the order that takes it over."""
        ...

    def switch(self, route: str, group: str, holders: Collection[str] | None) -> None:
        """Give the group, or the machine, all requests of a route.

        Idempotent; reads right before it writes. `holders` are those of the route when the switch
        was decided (`TrafficRoute.holders`): raises Refused where there are others by now, whom a
        person gave the requests (rule 11). None: the operator accepts whoever serves.
        """
        ...

    def detach(self, route: str, group: str) -> None:
        """Take a group without requests out of a route's action. Idempotent."""
        ...

    def mark_drained(self, group: str, since: datetime) -> None:
        """Write on a group until when requests may be in flight that began before `since`."""
        ...

    def acknowledge(self) -> None:
        """Note that what stands there is as the ledger says, after a person has made it so."""
        ...

    def tag(self, groups: Sequence[str], tags: Mapping[str, str]) -> None:
        """Write tags on existing groups: only `adopt` needs it."""
        ...

    def untag(self, groups: Sequence[str], keys: Sequence[str]) -> None:
        """Take tags off groups: only `leave` needs it. Idempotent."""
        ...
