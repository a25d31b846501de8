"""Ledgers in Route 53: reads ledgers, and finds the zone of a ledger.

The swap is in `reconciler.aws.route53.swap`. A record that cannot be understood is unknown, never
empty: the message says what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.aws.client.errors import calling
from reconciler.aws.client.retry import AWS_BACKOFF
from reconciler.aws.client.session import Aws
from reconciler.aws.route53.swap import Swap
from reconciler.aws.route53.zone_choice import (
    chosen,
    contains,
    described,
    longest,
    not_one_zone,
    zone_id,
)
from reconciler.aws.route53.zone_reader import Records, ZoneReader, ZoneReaders, list_names, plain
from reconciler.errors import AccessDenied, CloudError, ConfigError, LedgerUnknown, ToolError
from reconciler.model.ledger import NO_LEDGER, Ledger
from reconciler.model.ledger_home import own_ledger
from reconciler.model.reading import (
    ARecord,
    LedgerAddress,
    Listing,
    Reading,
    Readings,
)
from reconciler.util.backoff import Backoff

if TYPE_CHECKING:
    from mypy_boto3_route53.type_defs import HostedZoneTypeDef as HostedZone
    from mypy_boto3_route53.type_defs import ResourceRecordSetOutputTypeDef as RecordSet

NEW_TTL = 60
"""Seconds; TTL of a record that did not exist before."""

_BESIDE_A = frozenset({"AAAA", "CNAME", "HTTPS", "NS", "SVCB"})
"""Record types that direct clients elsewhere than the A record of the same name."""

_ROUTED: Mapping[str, str] = {
    "AliasTarget": "an alias",
    "CidrRoutingConfig": "routed by client network",
    "Failover": "a failover record",
    "GeoLocation": "routed by geography",
    "GeoProximityLocation": "routed by geography",
    "HealthCheckId": "under a health check",
    "MultiValueAnswer": "a multivalue answer",
    "Region": "routed by latency",
    "TrafficPolicyInstanceId": "made by a traffic policy",
    "Weight": "weighted",
    "SetIdentifier": "one of a set",
}

LOOKS = 4


@dataclass
class Route53Ledgers:
    """`LedgerStore` on the hosted zones of one account."""

    aws: Aws
    backoff: Backoff = AWS_BACKOFF
    _zones: list[HostedZone] = field(default_factory=list)

    def locate(self, service: str, record: str, zone: str = "") -> LedgerAddress:
        """See `LedgerStore.locate`. Two zones of the same name are refused unless one is chosen."""
        found = longest(chosen(self._containing(record), zone))
        if not found:
            self._zones = self._list_zones()
            found = longest(chosen(self._containing(record), zone))
        if len(found) != 1:
            raise not_one_zone(record, zone, found, self.aws.place.account)
        return LedgerAddress(service, zone_id(found[0]), plain(found[0]["Name"]), plain(record))

    def elsewhere(self, address: LedgerAddress) -> Mapping[str, tuple[str, ...]]:
        """See `LedgerStore.elsewhere`."""
        found: dict[str, tuple[str, ...]] = {}
        for zone in self._containing(address.record):
            if zone_id(zone) == address.zone_id:
                continue
            sets = ZoneReader(self.aws.route53, zone_id(zone)).at(address.record).sets
            here = [_describe(one) for one in sets if one["Type"] in {"A", "AAAA", "CNAME"}]
            if here:
                found[described(zone)] = tuple(here)
        return found

    def zone_ids(self, zone: str) -> tuple[str, ...]:
        """The ids of the hosted zones of this name; an id returns itself. Raises ConfigError."""
        if "." not in zone:
            return (zone,)
        self._zones = self._zones or self._list_zones()
        found = tuple(zone_id(one) for one in self._zones if plain(one["Name"]) == plain(zone))
        if not found:
            raise ConfigError(
                f"no hosted zone of account {self.aws.place.account} is called {zone}",
                cure="correct `witness_zones`: hosted zones of the account of the ledger's zone",
            )
        return found

    def names(self, address: LedgerAddress) -> Listing:
        return list_names(self.aws.route53, address.watched or (address.zone_id,))

    def read(self, address: LedgerAddress) -> Reading:
        return self._consistent(address, ZoneReaders(self.aws.route53))

    def raw(self, address: LedgerAddress) -> Reading:
        reader = ZoneReader(self.aws.route53, address.zone_id)
        records = reader.at(address.name)
        text, ttl = ledger_text(address, records)
        a = None
        if not address.traffic:
            a = simple_a(address.record, address.zone, reader.at(address.record))
        return Reading(address, records.now, NO_LEDGER, text, ttl, a)

    def readings(self, addresses: Sequence[LedgerAddress]) -> Readings:
        """See `LedgerStore.readings`: the ledgers of a zone are adjacent, 300 sets a call.

        A zone that could not be listed is not requested again for each of its services.
        """
        found: dict[LedgerAddress, Reading | ToolError] = {}
        broken: dict[str, ToolError] = {}
        try:
            readers = ZoneReaders(self.aws.route53)
        except (CloudError, AccessDenied) as error:
            return Readings(dict.fromkeys(addresses, error))
        for one in sorted(addresses, key=lambda address: (address.zone_id, address.name)):
            try:
                found[one] = broken.get(one.zone_id) or self._consistent(one, readers)
            except LedgerUnknown as error:
                found[one] = error
            except (CloudError, AccessDenied) as error:
                found[one] = broken[one.zone_id] = error
        return Readings(found, readers.calls)

    def neighbours(self, address: LedgerAddress) -> Mapping[str, str]:
        """See `LedgerStore.neighbours`: a zone's ledgers are adjacent in its order of names."""
        reader = ZoneReader(self.aws.route53, address.zone_id)
        found = reader.below(f"_deploy.{address.zone}")
        return {
            plain(one["Name"]): " ".join(value["Value"] for value in one.get("ResourceRecords", []))
            for one in found
            if one["Type"] == "TXT" and plain(one["Name"]) != address.name
        }

    def kept_where(self, address: LedgerAddress) -> str:
        return f"hosted zone {address.zone} ({address.zone_id})"

    def alias_of(self, address: LedgerAddress) -> str:
        """The DNS name of the load balancer that the record is an alias of; '' if it is none."""
        records = ZoneReader(self.aws.route53, address.zone_id).at(address.record)
        targets = [one["AliasTarget"]["DNSName"] for one in records.sets if "AliasTarget" in one]
        return plain(targets[0]) if targets else ""

    def plain_addresses(self, address: LedgerAddress) -> tuple[str, ...]:
        """What the record's A record says; () for none, and for one that is not simple."""
        records = ZoneReader(self.aws.route53, address.zone_id).at(address.record)
        try:
            found = simple_a(address.record, address.zone, records)
        except LedgerUnknown:
            return ()
        return found.addresses if found else ()

    def swap(self, seen: Reading, new: Ledger, point_at: tuple[str, ...] | None = None) -> Reading:
        return Swap(self.aws, self.backoff, seen, new, point_at).run()

    def _consistent(self, address: LedgerAddress, readers: ZoneReaders) -> Reading:
        """Read ledger and A record of the same moment.

        They may come in two answers, and a commit in between would look as if a person had moved
        the record. So if they disagree, the ledger must still be the same afterwards.
        """
        for _ in range(LOOKS):
            reading, one_page = self._look(address, readers.of(address.zone_id))
            live = reading.ledger.live
            every = [reading.a, *(one for _, one in reading.also)]
            if one_page or live is None or all(one and one.addresses == live.at for one in every):
                return reading
            again = readers.fresh(address.zone_id)
            if ledger_text(address, again.at(address.name)) == (reading.text, reading.ttl):
                return reading
        raise LedgerUnknown(f"the ledger {address.name} changes faster than it can be read")

    def _look(self, address: LedgerAddress, reader: ZoneReader) -> tuple[Reading, bool]:
        records = reader.at(address.name)
        text, ttl = ledger_text(address, records)
        ledger = own_ledger(address, text)
        if address.traffic:  # the record is an alias or whatever else: it is neither read nor moved
            return Reading(address, records.now, ledger, text, ttl), True
        beside = {name: reader.at(name) for name in (address.record, *address.also)}
        a, *others = (simple_a(name, address.zone, found) for name, found in beside.items())
        also = tuple(zip(address.also, others, strict=True))
        reading = Reading(address, records.now, ledger, text, ttl, a, also)
        return reading, all(one.page == records.page for one in beside.values())

    def _containing(self, record: str) -> list[HostedZone]:
        return [one for one in self._zones if contains(plain(one["Name"]), plain(record))]

    def _list_zones(self) -> list[HostedZone]:
        with calling("route53:ListHostedZones"):
            pages = self.aws.route53.get_paginator("list_hosted_zones").paginate()
            return [zone for page in pages for zone in page["HostedZones"]]


def ledger_text(address: LedgerAddress, records: Records) -> tuple[str, int]:
    """The TXT value and its TTL, ('', 60) if there is none.

    Raises LedgerUnknown for any other record at the name that a swap cannot match.
    """
    sets = [one for one in records.sets if one["Type"] in ("TXT", "CNAME")]
    if not sets:
        return "", NEW_TTL
    values = sets[0].get("ResourceRecords", [])
    if len(sets) > 1 or sets[0]["Type"] != "TXT" or _routing(sets[0]) or len(values) != 1:
        what = "; ".join(_describe(one) for one in sets)
        raise LedgerUnknown(
            f"{address.name} is no simple TXT record of one value: {what} stands there",
            cure='leave the one value that begins with "v=1", as it is',
        )
    return values[0]["Value"], sets[0]["TTL"]


def simple_a(name: str, zone: str, records: Records) -> ARecord | None:
    """The A record, None if there is none. Raises LedgerUnknown for a record that is not simple."""
    apex = name == zone
    strange = [
        _describe(one)
        for one in records.sets
        if (one["Type"] in _BESIDE_A and not (apex and one["Type"] == "NS"))
        or (one["Type"] == "A" and _routing(one))
    ]
    if strange:
        raise LedgerUnknown(
            f"{name} is not one simple A record: {', '.join(strange)} stands there",
            cure=f"leave one simple A record at {name}; nothing else can be switched",
        )
    found = [one for one in records.sets if one["Type"] == "A"]
    if not found:
        return None
    values = sorted(value["Value"] for value in found[0].get("ResourceRecords", []))
    return ARecord(found[0]["TTL"], tuple(values))


def _routing(one: RecordSet) -> str:
    return next((words for key, words in _ROUTED.items() if key in one), "")


def _describe(one: RecordSet) -> str:
    values = len(one.get("ResourceRecords", []))
    said = _routing(one) or (f"{values} values" if values > 1 else "")
    return f"{one['Type']} ({said})" if said else str(one["Type"])
