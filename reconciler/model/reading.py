"""The address of a ledger, and a ledger as it was read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.errors import LedgerUnknown, ToolError
from reconciler.model.ledger import NO_LEDGER, Ledger, LedgerHome
from reconciler.model.ledger_codec import LedgerTextError, decode


@dataclass(frozen=True)
class LedgerAddress:
    """Where a service's ledger and its A record are. `zone_id` is Route 53's hosted zone id.

    `account` and `region` are those of the machines, as configured; '' if not configured. `also`
    are the names of the same zone that change with the record, `watched` the ids of the zones whose
    names are witnesses (rule 13); empty: the ledger's own zone. `traffic` are the listeners that
    lead to the live deploy: then the A record is neither read nor changed.
    """

    service: str
    zone_id: str
    zone: str
    record: str
    account: str = ""
    region: str = ""
    also: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    traffic: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the TXT record set: `shop._deploy.example.com`."""
        return f"{self.service}._deploy.{self.zone}"

    @property
    def home(self) -> LedgerHome | None:
        """The home that the ledger must have (rule 12); None if not configured."""
        if not self.account:
            return None
        return LedgerHome(self.record, self.account, self.region, self.traffic)

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
    """A ledger as it was read, with everything needed to swap exactly this value.

    `ledger` is NO_LEDGER if the record does not exist. `text` and `ttl` are what a DELETE must
    match. `a` is None if there is no A record. `now` is the Date header of the answer. `also`
    has the record of each name that changes with it.
    """

    address: LedgerAddress
    now: datetime
    ledger: Ledger = NO_LEDGER
    text: str = ""
    ttl: int = 60
    a: ARecord | None = None
    also: tuple[tuple[str, ARecord | None], ...] = ()

    @property
    def drain_ttl(self) -> int:
        """How long clients may still use the names' current addresses: the longest TTL, seconds."""
        every = (self.a, *(one for _, one in self.also))
        return max((one.ttl for one in every if one is not None), default=60)


@dataclass(frozen=True)
class Listing:
    """The addresses of every name of some zones, and the number of calls."""

    held: Mapping[str, tuple[str, ...]]
    calls: int = 0


@dataclass(frozen=True)
class Readings:
    """Many ledgers, each as read or with the error, and the number of calls."""

    found: Mapping[LedgerAddress, Reading | ToolError]
    calls: int = 0


def decoded(address: LedgerAddress, text: str) -> Ledger:
    """The ledger that was read there; NO_LEDGER if there is none. Raises LedgerUnknown."""
    try:
        return decode(text) if text else NO_LEDGER
    except LedgerTextError as error:
        raise unreadable(address, str(error)) from error


def unreadable(address: LedgerAddress, why: str) -> LedgerUnknown:
    """What is there is no ledger of this service: unknown is not empty."""
    return LedgerUnknown(
        f"{address.name} cannot be read: {why}",
        cure=f"To write it anew      deployer recover {address.service}",
    )
