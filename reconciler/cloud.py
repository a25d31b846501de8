"""The port: what the use cases need of a cloud. AWS implements it under `reconciler.aws`.

The order of calls is the use cases' business and it matters: heap first, ledger last (rule 2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.census import Census, Groups
from reconciler.completeness import Status
from reconciler.errors import ToolError
from reconciler.ledger import Ledger, LedgerHome
from reconciler.resource import Inventory, Resource
from reconciler.tags import Label, Place


@dataclass(frozen=True)
class LedgerAddress:
    """Where a service's ledger and its A record are. `zone_id` is Route 53's hosted zone id.

    `account` and `region` are those of the machines, as configured; '' where nobody said. `also`
    are the names of the same zone that change with the record, `watched` the ids of the zones whose
    names are witnesses (rule 13); none: the ledger's own.
    """

    service: str
    zone_id: str
    zone: str
    record: str
    account: str = ""
    region: str = ""
    also: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the TXT record set: `shop._deploy.example.com`."""
        return f"{self.service}._deploy.{self.zone}"

    @property
    def home(self) -> LedgerHome | None:
        """What the ledger has to be the ledger of (rule 12); None where nobody said."""
        return LedgerHome(self.record, self.account, self.region) if self.account else None

    def __str__(self) -> str:
        """Value of the tag `deploy-ledger`."""
        return f"{self.zone_id}/{self.name}"

    @staticmethod
    def parse(text: str, service: str, record: str) -> LedgerAddress:
        """The address in a tag `deploy-ledger`. Raises ValueError if it is another service's."""
        zone_id, _, name = text.partition("/")
        zone = name.removeprefix(f"{service}._deploy.")
        if not zone_id or zone == name or not f".{record}".endswith(f".{zone}"):
            raise ValueError(f"{text!r} is no ledger of {service} at {record}")
        return LedgerAddress(service, zone_id, zone, record)


@dataclass(frozen=True)
class ARecord:
    """A simple A record: its TTL in seconds and its IPv4 addresses, sorted."""

    ttl: int
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """A ledger as it was read, with everything needed to swap against exactly that.

    `ledger` is None where the record does not exist. `text` and `ttl` are what a DELETE must
    match. `a` is None where there is no A record. `now` is the Date header of the answer. `also`
    has the record of each name that changes with it.
    """

    address: LedgerAddress
    now: datetime
    ledger: Ledger | None
    text: str = ""
    ttl: int = 60
    a: ARecord | None = None
    also: tuple[tuple[str, ARecord | None], ...] = ()

    @property
    def drain_ttl(self) -> int:
        """How long clients may still use what the names say now: the longest TTL, in seconds."""
        every = (self.a, *(one for _, one in self.also))
        return max((one.ttl for one in every if one is not None), default=60)


@dataclass(frozen=True)
class Listing:
    """The addresses of every name of some zones, and the calls it took."""

    held: Mapping[str, tuple[str, ...]]
    calls: int = 0


@dataclass(frozen=True)
class Readings:
    """Many ledgers, each read or with what stood in the way, and the calls it took."""

    found: Mapping[LedgerAddress, Reading | ToolError]
    calls: int = 0


class LedgerStore(Protocol):
    """Reads and swaps ledgers. Route 53's transactional batches make the swap atomic."""

    def locate(self, service: str, record: str) -> LedgerAddress:
        """Where the service's ledger is: in the longest hosted zone that contains `record`.

        Raises ConfigError if no zone of the account does, CloudError.
        """
        ...

    def read(self, address: LedgerAddress) -> Reading:
        """The most current ledger and A record.

        Raises LedgerUnknown for one that cannot be read or understood, or where the record's name
        has anything but one simple A record (weights, alias, AAAA, HTTPS, CNAME): unknown is not
        empty.
        """
        ...

    def readings(self, addresses: Sequence[LedgerAddress]) -> Readings:
        """Many at once, with as few calls as there are pages; one's error is its own value."""
        ...

    def names(self, address: LedgerAddress) -> Listing:
        """Every name of the watched zones that has addresses of its own, the record too.

        Raises CloudError, AccessDenied: a zone that was not read whole is not half a witness.
        """
        ...

    def raw(self, address: LedgerAddress) -> Reading:
        """What stands there, not understood: `ledger` is None. For `recover` alone.

        Raises LedgerUnknown for what could not be swapped against either, CloudError.
        """
        ...

    def neighbours(self, address: LedgerAddress) -> Mapping[str, str]:
        """The other ledgers of the zone: name → TXT value. Raises CloudError, AccessDenied."""
        ...

    def swap(self, seen: Reading, new: Ledger, point_at: tuple[str, ...] | None = None) -> Reading:
        """DELETE exactly what was seen and CREATE `new`, in one batch; returns it as a reading.

        With `point_at`, the A record changes in the same batch (created where there was none), and
        with it each name in `also` that said the same; what people pointed elsewhere stays there.
        A lost reply is answered by reading again (rule 4): returns if `new` stands there,
        sends again while the old one does, raises SwapLost if something else stands there, and
        CloudUnclear if it could not be settled within its deadline.
        """
        ...


class Fate(StrEnum):
    """What became of one item of a plan.

    UNSEEN: it is not listed, which proves nothing yet. PENDING: its deletion is under way, or the
    answer to it was lost.
    """

    DONE = "done"
    GONE = "gone"
    BLOCKED = "blocked"
    FAILED = "failed"
    PENDING = "pending"
    UNSEEN = "unseen"


UNPROVED = "not listed any more, which proves nothing yet"
"""What is said of the unseen."""


@dataclass(frozen=True)
class Outcome:
    """What became of one resource, and why; `GONE` only after a later describe said so.

    `reached` says of a machine that was to be told something whether it was; None of all else.
    """

    resource: Resource
    fate: Fate
    text: str = ""
    reached: Status | None = None


class Heap(Protocol):
    """The EC2 resources of one place (account and region)."""

    @property
    def place(self) -> Place:
        """The account and region."""
        ...

    def scan(self, *, young: bool = False) -> Inventory:
        """Everything that carries `deploy-id`, described.

        `young`: only the labels pending, failed and left. What could not be read is a gap, never
        an absence.
        """
        ...

    def census(self) -> Census:
        """What the tag index says of everything that carries `deploy-id`: nothing is described.

        An index that was not read whole has a gap for every kind.
        """
        ...

    def members(self, groups: Groups) -> Inventory:
        """What a census named, described; what is gone meanwhile is missing."""
        ...

    def describe(self, resources: Sequence[Resource]) -> Inventory:
        """The same things as they are now, by id; those that are gone are missing."""
        ...

    def label(
        self, resources: Sequence[Resource], label: Label, units: str = ""
    ) -> tuple[Outcome, ...]:
        """Write `deploy-state` on each, and `units` on machines; one outcome an item."""
        ...

    def delete(self, resources: Sequence[Resource]) -> tuple[Outcome, ...]:
        """Ask for the deletion of resources of one kind, in batches, splitting failing ones.

        PENDING means asked for: `describe` says later whether it is gone.
        """
        ...
