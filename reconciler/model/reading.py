"""The address of a ledger, and a ledger as it was read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.errors import ConfigError, LedgerUnknown, ToolError
from reconciler.model.ledger import NO_LEDGER, Ledger, LedgerHome
from reconciler.model.ledger_codec import LedgerTextError, LedgerTooLong, decode, encode

S3 = "s3://"
"""How the address of a ledger in a bucket begins."""


@dataclass(frozen=True)
class LedgerAddress:
    """Where a service's ledger is: a record set of a hosted zone, or an object in a bucket.

    In Route 53, `zone_id` is the hosted zone's id; `also` are the names of the same zone that
    change with the record. In S3, `bucket` and `key` are set and the zone is ''. `account` and
    `region` are those of the machines, as configured; '' if not configured. `watched` are the ids
    of the zones whose names are witnesses (rule 13); empty: the ledger's own zone. `traffic` are
    the listeners that lead to the live deploy: then the A record is neither read nor changed.
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
    bucket: str = ""
    key: str = ""

    @property
    def name(self) -> str:
        """What people look it up by: the TXT record set's name, or the object's address."""
        return f"{S3}{self.bucket}/{self.key}" if self.bucket else self._record_set

    @property
    def _record_set(self) -> str:
        """Name of the TXT record set: `shop._deploy.example.com`."""
        return f"{self.service}._deploy.{self.zone}"

    @property
    def whereabouts(self) -> str:
        """The name with its hosted zone, for messages."""
        return self.name if self.bucket else f"{self.name} in zone {self.zone_id}"

    @property
    def home(self) -> LedgerHome | None:
        """The home that the ledger must have (rule 12); None if not configured."""
        if not self.account:
            return None
        return LedgerHome(self.record, self.account, self.region, self.traffic)

    def __str__(self) -> str:
        """Value of the tag `deploy-ledger`."""
        return self.name if self.bucket else f"{self.zone_id}/{self._record_set}"

    @staticmethod
    def in_bucket(folder: str, service: str, record: str) -> LedgerAddress:
        """The service's object in the configured `s3://bucket/prefix`."""
        bucket, _, prefix = folder.removeprefix(S3).partition("/")
        key = f"{prefix}/{service}" if prefix else service
        return LedgerAddress(service, "", "", record, bucket=bucket, key=key)

    @staticmethod
    def parse(text: str, service: str, record: str) -> LedgerAddress:
        """The address in a tag `deploy-ledger`. Raises ValueError if it is another service's."""
        found = located_at(text, service, record)
        if found is None or (found.zone and not f".{record}".endswith(f".{found.zone}")):
            raise ValueError(f"{text!r} is no ledger of {service} at {record}")
        return found


def located_at(text: str, service: str, record: str = "") -> LedgerAddress | None:
    """The address in a tag, whatever the record is; None if it is another service's, or none.

    Without a `record` it is that of the ledger's own name, which has no A record.
    """
    if text.startswith(S3):
        folder, _, name = text.rpartition("/")
        if name != service or len(folder) <= len(S3):
            return None
        return LedgerAddress.in_bucket(folder, service, record)
    zone_id, _, name = text.partition("/")
    zone = name.removeprefix(f"{service}._deploy.")
    if not zone_id or zone == name:
        return None
    return LedgerAddress(service, zone_id, zone, record or name)


@dataclass(frozen=True)
class ARecord:
    """A simple A record: its TTL in seconds and its IPv4 addresses, sorted."""

    ttl: int
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """A ledger as it was read, with everything needed to swap exactly this value.

    `ledger` is NO_LEDGER if there is none. `text` and `ttl` are what a DELETE must match, `version`
    what an object must still be. `a` is None if there is no A record. `now` is the Date header of
    the answer. `also` has the record of each name that changes with it.
    """

    address: LedgerAddress
    now: datetime
    ledger: Ledger = NO_LEDGER
    text: str = ""
    ttl: int = 60
    a: ARecord | None = None
    also: tuple[tuple[str, ARecord | None], ...] = ()
    version: str = ""

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


def encoded(ledger: Ledger) -> str:
    """The ledger's text, to be stored. Raises ConfigError if it is too long."""
    try:
        return encode(ledger)
    except LedgerTooLong as error:
        raise ConfigError(str(error), cure="keep fewer previous deploys (`keep`)") from error


def unreadable(address: LedgerAddress, why: str) -> LedgerUnknown:
    """What is there is no ledger of this service: unknown is not empty."""
    return LedgerUnknown(
        f"{address.name} cannot be read: {why}",
        cure=f"To write it anew      deployer recover {address.service}",
    )
