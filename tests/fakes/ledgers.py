"""Ledgers in memory: the compare-and-swap of Route 53, and its bad days on request.

Obeys the same contract as `Route53Ledgers` (tests/unit/reconciler/ports/test_ledger_store.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto

from reconciler.errors import (
    AccessDenied,
    CloudError,
    CloudUnclear,
    ConfigError,
    LedgerUnknown,
    SwapLost,
    ToolError,
)
from reconciler.model.ledger import NO_LEDGER, Ledger
from reconciler.model.ledger_codec import LedgerTextError, decode, encode
from reconciler.model.ledger_home import at_home
from reconciler.model.reading import ARecord, LedgerAddress, Listing, Reading, Readings
from tests.support.shop_world import NOW


class Weather(Enum):
    """What happens to one swap."""

    REPLY_LOST = auto()
    """Done, the reply lost; reading again settles it, as the port promises."""
    DONE_UNHEARD = auto()
    """Done, and it cannot be settled: CloudUnclear."""
    NOT_DONE = auto()
    """Not done, and it cannot be settled: CloudUnclear."""
    LATE = auto()
    """Under way when we give up: CloudUnclear, done when it is delivered."""
    TWICE = auto()
    """Done, and a duplicate of it is still under way."""
    REFUSED = auto()
    """A definite error, nothing done."""


@dataclass
class Zone:
    """What stands in Route 53: values by name."""

    texts: dict[str, tuple[str, int]] = field(default_factory=dict)
    records: dict[str, ARecord] = field(default_factory=dict)


@dataclass(frozen=True)
class _Batch:
    seen: Reading
    text: str
    after: Mapping[str, ARecord]
    """What each name says afterwards, of those that change."""

    def fits(self, zone: Zone) -> bool:
        """Whether every DELETE matches and every CREATE is free."""
        address = self.seen.address
        wanted = (self.seen.text, self.seen.ttl) if self.seen.text else None
        if zone.texts.get(address.name) != wanted:
            return False
        said = {address.record: self.seen.a, **dict(self.seen.also)}
        return all(zone.records.get(name) == said[name] for name in self.after)

    def apply(self, zone: Zone) -> bool:
        """All or none."""
        if not self.fits(zone):
            return False
        zone.texts[self.seen.address.name] = (self.text, self.seen.ttl)
        zone.records.update(self.after)
        return True


@dataclass
class FakeLedgers:
    """Implements `LedgerStore`. `acts` is told of every read and swap, in their order."""

    acts: list[str] = field(default_factory=list)
    now: datetime = NOW
    zone: Zone = field(default_factory=Zone)
    weather: list[Weather] = field(default_factory=list)
    """Of the next swaps; fair afterwards."""
    meddlers: list[Callable[[], object]] = field(default_factory=list)
    """Each runs just before one swap arrives: somebody who was first."""
    unreadable: dict[str, ToolError] = field(default_factory=dict)
    """Service → what reading it raises."""
    unlisted: ToolError | None = None
    """What listing the names raises."""
    under_way: list[_Batch] = field(default_factory=list)
    in_other_zones: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    """Record → the types of the records of that name in other zones, by zone."""

    def elsewhere(self, address: LedgerAddress) -> Mapping[str, tuple[str, ...]]:
        return self.in_other_zones.get(address.record, {})

    def kept_where(self, address: LedgerAddress) -> str:
        return f"memory, as {address.name}"

    def locate(self, service: str, record: str, zone: str = "") -> LedgerAddress:
        if not record.endswith("example.com"):
            raise ConfigError(f"no hosted zone contains {record}")
        return LedgerAddress(service, zone or "Z1", "example.com", record)

    def read(self, address: LedgerAddress) -> Reading:
        reading = self.raw(address)
        try:
            ledger = at_home(address, decode(reading.text)) if reading.text else NO_LEDGER
        except LedgerTextError as error:
            raise LedgerUnknown(f"{address.name} cannot be read: {error}") from error
        return replace(reading, ledger=ledger)

    def readings(self, addresses: Sequence[LedgerAddress]) -> Readings:
        found: dict[LedgerAddress, Reading | ToolError] = {}
        for one in addresses:
            try:
                found[one] = self.read(one)
            except (LedgerUnknown, CloudError, AccessDenied) as error:
                found[one] = error
        return Readings(found, len({one.zone_id for one in addresses}))

    def names(self, address: LedgerAddress) -> Listing:
        self.acts.append(f"names {address.service}")
        if self.unlisted is not None:
            raise self.unlisted
        return Listing({name: one.addresses for name, one in self.zone.records.items()}, 1)

    def raw(self, address: LedgerAddress) -> Reading:
        self.acts.append(f"read {address.service}")
        if address.service in self.unreadable:
            raise self.unreadable[address.service]
        text, ttl = self.zone.texts.get(address.name, ("", 60))
        a, *others = (self.zone.records.get(one) for one in (address.record, *address.also))
        also = tuple(zip(address.also, others, strict=True))
        return Reading(address, self.now, NO_LEDGER, text, ttl, a, also)

    def neighbours(self, address: LedgerAddress) -> Mapping[str, str]:
        self.acts.append(f"read ledgers beside {address.service}")
        suffix = f"._deploy.{address.zone}"
        found = {name: text for name, (text, _) in self.zone.texts.items()}
        return {n: t for n, t in found.items() if n.endswith(suffix) and n != address.name}

    def swap(self, seen: Reading, new: Ledger, point_at: tuple[str, ...] | None = None) -> Reading:
        if point_at is not None and not point_at:
            raise ValueError("an A record without addresses: the name would vanish")
        wanted, batch = self._batch(seen, new, point_at)
        if self.meddlers:
            self.meddlers.pop(0)()
        weather = self.weather.pop(0) if self.weather else None
        if weather is Weather.REFUSED:
            raise CloudError("route53: refused", code="Refused")
        if weather is Weather.LATE:
            self.under_way.append(batch)
        if weather not in (Weather.LATE, Weather.NOT_DONE):
            self._send(batch)
        if weather is Weather.TWICE:
            self.under_way.append(batch)
        if weather in (Weather.DONE_UNHEARD, Weather.NOT_DONE, Weather.LATE):
            raise CloudUnclear("route53: no answer")
        return wanted

    def deliver(self) -> list[bool]:
        """What is still under way arrives; whether each was made."""
        batches, self.under_way = self.under_way, []
        return [one.apply(self.zone) for one in batches]

    def put(
        self, address: LedgerAddress, ledger: Ledger, at: tuple[str, ...] | None = None
    ) -> None:
        """Make a ledger stand there, and the A record: what `at` says, else what is live."""
        self.zone.texts[address.name] = (encode(ledger), 60)
        addresses = at if at is not None else ledger.live.at if ledger.live else ()
        self.point(address, *addresses)

    def point(self, address: LedgerAddress, *addresses: str, ttl: int = 60) -> None:
        """Somebody edits the A record; without addresses, removes it."""
        if addresses:
            self.zone.records[address.record] = ARecord(ttl, tuple(sorted(addresses)))
        else:
            self.zone.records.pop(address.record, None)

    def stands(self, address: LedgerAddress) -> Ledger:
        """The ledger that stands there."""
        return decode(self.zone.texts[address.name][0])

    def pointed_at(self, address: LedgerAddress) -> tuple[str, ...]:
        """The addresses in the A record."""
        record = self.zone.records.get(address.record)
        return record.addresses if record else ()

    def _batch(
        self, seen: Reading, new: Ledger, point_at: tuple[str, ...] | None
    ) -> tuple[Reading, _Batch]:
        every = {seen.address.record: seen.a, **dict(seen.also)}
        after = {
            name: ARecord(was.ttl if was else 60, tuple(sorted(point_at or ())))
            for name, was in (every.items() if point_at else ())
            if _says(was) == _says(seen.a)
        }
        text = encode(new)
        also = tuple((name, after.get(name, was)) for name, was in seen.also)
        a = after.get(seen.address.record, seen.a)
        wanted = replace(seen, ledger=new, text=text, a=a, also=also, now=self.now)
        return wanted, _Batch(seen, text, after)

    def _send(self, batch: _Batch) -> None:
        before = self.zone.texts.get(batch.seen.address.name, ("",))[0]
        if batch.apply(self.zone):
            self.acts.append(f"swap {decode(batch.text).gen}")
        elif before != batch.text:  # our own, made before, is no loss
            raise SwapLost(f"{batch.seen.address.name} has been changed by somebody else")


def _says(record: ARecord | None) -> tuple[str, ...]:
    return record.addresses if record else ()
