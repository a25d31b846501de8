"""The traffic kinds: one function a kind, and one explicit list.

A kind implements `reconciler.traffic.port.Traffic`. `address` is the ledger's; a kind that does not
change with the ledger names in it what sends clients to the live deploy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from reconciler.aws.client.session import Aws
from reconciler.aws.elastic_ip_traffic import elastic_ip, elastic_ip_at
from reconciler.aws.elbv2.discovery import listener_behind
from reconciler.aws.elbv2.traffic import TargetGroupTraffic
from reconciler.aws.route53.claimed_record import ClaimedRecord
from reconciler.aws.route53.ledger_store import Route53Ledgers
from reconciler.aws.route53.record_traffic import ClaimedRecordTraffic
from reconciler.config.service import Service
from reconciler.model.reading import LedgerAddress
from reconciler.traffic.port import Traffic
from reconciler.traffic.record import RecordTraffic
from reconciler.wiring.ledger_stores import LedgerStores


@dataclass(frozen=True)
class TrafficSource:
    """What a kind is built from: the service, its account and region, zones, its ledger."""

    service: Service
    aws: Aws
    ledgers: LedgerStores
    address: LedgerAddress

    @property
    def zones(self) -> Route53Ledgers:
        """The hosted zones of the account that has the record's."""
        return self.ledgers.zones


Built = tuple[Traffic, LedgerAddress]
"""The traffic, and the ledger's address with what it goes through."""


def _record(source: TrafficSource) -> Built:
    """In the ledger's batch, or, with a ledger in S3, after it."""
    service, address = source.service, source.address
    if not address.bucket:
        return RecordTraffic(), address
    zones, ledgers = source.zones, source.ledgers
    place = zones.locate(service.name, service.record, service.zone)
    record = ClaimedRecord(zones.aws, place)
    whole = replace(address, traffic=(record.id,), watched=watching(place, address.watched))
    traffic = ClaimedRecordTraffic(source.aws, record, whole, lambda: ledgers.read(whole).ledger)
    return traffic, whole


def watching(place: LedgerAddress, more: tuple[str, ...]) -> tuple[str, ...]:
    """The zones whose names are witnesses: always the record's own (rule 13)."""
    return tuple(dict.fromkeys((place.zone_id, *more)))


def _target_group(source: TrafficSource) -> Built:
    service, address = source.service, source.address
    listeners = service.traffic.listener
    if not listeners:
        alias = source.zones.alias_of(address)
        listeners = (listener_behind(source.aws, service.name, service.record, alias),)
    traffic = TargetGroupTraffic(source.aws, service.name, listeners)
    return traffic, replace(address, traffic=listeners)


def _elastic_ip(source: TrafficSource) -> Built:
    service, address = source.service, source.address
    if service.traffic.allocation:
        traffic = elastic_ip(source.aws, service.name, service.traffic.allocation)
    else:
        at = source.zones.plain_addresses(address)
        traffic = elastic_ip_at(source.aws, service.name, service.record, at)
    return traffic, replace(address, traffic=(traffic.allocation,))


KINDS: Mapping[str, Callable[[TrafficSource], Built]] = {
    "record": _record,
    "target-group": _target_group,
    "elastic-ip": _elastic_ip,
}
"""By the value of `[traffic] kind`."""


def build(source: TrafficSource) -> Built:
    """The configured kind. Raises ConfigError, CloudError, AccessDenied."""
    return KINDS[source.service.traffic.kind](source)
