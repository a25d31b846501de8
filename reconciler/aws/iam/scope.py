"""The scope of a policy: the part of the configuration that concerns one account.

Only Route 53 knows the hosted zone of a record; a user without access to it can name the zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from reconciler.aws.iam.statements import Scope
from reconciler.config.loader import Settings
from reconciler.config.service import Service
from reconciler.config.ssh import INSTANCE_CONNECT
from reconciler.errors import ConfigError
from reconciler.model.reading import LedgerAddress
from reconciler.traffic.record_claim import claim_name
from reconciler.util.secret import Reference

Locate = Callable[[Service], LedgerAddress]


@dataclass(frozen=True)
class GivenZones:
    """Locates ledgers by the hosted zones that the user named: ids by zone name."""

    ids: Mapping[str, str]

    def __call__(self, service: Service) -> LedgerAddress:
        """The service's ledger. Raises ConfigError if no named zone contains its record."""
        if service.ledger:
            address = LedgerAddress.in_bucket(service.ledger, service.name, service.record)
            address = replace(address, watched=tuple(map(self._id, service.witness_zones)))
            follows = service.traffic.kind == "record"
            return _with_record(address, self._around(service)[0]) if follows else address
        id_, zone = self._around(service)
        watched = tuple(map(self._id, service.witness_zones))
        address = LedgerAddress(service.name, id_, zone, service.record)
        return replace(address, also=service.also, watched=watched)

    def _around(self, service: Service) -> tuple[str, str]:
        """The zone of the record: its id and its name."""
        around = [id_ for id_ in self.ids if f".{service.record}".endswith(f".{id_}")]
        zone = max(around, key=len, default="")
        if not zone:
            raise ConfigError(
                f"no --zone that was given contains {service.record}",
                cure=f"--zone {service.record.partition('.')[2]}=ITS-ID",
            )
        return service.zone if service.zone.startswith("Z") else self.ids[zone], zone

    def _id(self, zone: str) -> str:
        if "." in zone and zone not in self.ids:
            raise ConfigError(
                f"no --zone that was given is {zone}, of witness_zones",
                cure=f"--zone {zone}=ITS-ID",
            )
        return self.ids.get(zone, zone)


def scope(settings: Settings, account: str, locate: Locate) -> Scope:
    """The part of the configuration in `account`; '' if all of it is in one account.

    Raises ConfigError if the account must be specified, and what `locate` raises.
    """
    chosen = _account(settings, account)
    services = [service for service in settings.services.values() if service.account == chosen]
    located = [locate(service) for service in services]
    ledgers = [address for address in located if not address.bucket]
    claimed = [address for address in located if _record_zone(address)]
    notices = settings.reconciler.notices
    return Scope(
        account=chosen,
        regions=_sorted(service.region for service in services),
        services=tuple(service.name for service in services),
        zones=_sorted([one.zone_id for one in ledgers] + [_record_zone(one) for one in claimed]),
        names=(
            *(name for one in ledgers for name in (one.record, one.name, *one.also)),
            *(name for one in claimed for name in (one.record, claim_name(one.record))),
        ),
        watched=_sorted(id_ for ledger in located for id_ in ledger.watched),
        parameters=_sorted(
            [path for service in services for path in _parameters(service)]
            + [one.value for one in (notices.webhook,) if one and one.scheme == "ssm"]
        ),
        profiles=_sorted(service.instance.profile or service.name for service in services),
        assumes=_sorted(settings.reconciler.roles.values()),
        notices=bool(notices.webhook or notices.topic),
        topics=(notices.topic,) if notices.topic else (),
        lifts=settings.reconciler.lift_protection,
        listeners=_sorted(arn for service in services for arn in _listeners(service)),
        elastic_ips=_sorted(arn for service in services for arn in _elastic_ips(service)),
        routes=_sorted(service.ssh.via for service in services),
        ssh_ports=tuple(sorted({service.ssh.port for service in services})),
        journals=_sorted(place for service in services if (place := settings.journal(service))),
        ssh_users=_sorted(one.ssh.user for one in services if one.ssh.key == INSTANCE_CONNECT),
        objects=tuple(address for address in located if address.bucket),
    )


def _with_record(address: LedgerAddress, zone_id: str) -> LedgerAddress:
    """The ledger in S3 that a record of this zone follows."""
    watched = tuple(dict.fromkeys((zone_id, *address.watched)))
    return replace(address, traffic=(f"{zone_id}/{address.record}",), watched=watched)


def _record_zone(address: LedgerAddress) -> str:
    """The zone of the record that follows a ledger in S3; '' for other traffic."""
    ends = f"/{address.record}"
    routes = (one for one in address.traffic if address.bucket and one.endswith(ends))
    return next((one.removesuffix(ends) for one in routes), "")


def _account(settings: Settings, account: str) -> str:
    known = _sorted(service.account for service in settings.services.values())
    if account in known or (not account and len(known) == 1):
        return account or known[0]
    said = f"no service is in account {account}" if account else "which account is meant?"
    raise ConfigError(f"{said} configured: {', '.join(known) or 'none'}", cure="--account ID")


def _parameters(service: Service) -> Iterator[str]:
    """The paths of the service's `ssm:` references."""
    database, image = service.database, service.instance.image or ""
    keys = (service.ssh.key, *(hop.key for hop in service.ssh.bastion))
    references = [*keys, *((database.admin, database.url) if database else ())]
    yield from (
        reference.value
        for reference in references
        if isinstance(reference, Reference) and reference.scheme == "ssm"
    )
    if image.startswith("ssm:"):
        yield image.removeprefix("ssm:")


def _listeners(service: Service) -> Iterator[str]:
    """The configured listeners and rules; where the record leads to them, any of the region."""
    if service.traffic.kind == "target-group":
        place = f"{service.region}:{service.account}"
        yield from service.traffic.listener or (f"arn:aws:elasticloadbalancing:{place}:listener/*",)


def _elastic_ips(service: Service) -> Iterator[str]:
    """The configured Elastic IP; where the record names it, any of the region."""
    if service.traffic.kind == "elastic-ip":
        one = service.traffic.allocation or "*"
        yield f"arn:aws:ec2:{service.region}:{service.account}:elastic-ip/{one}"


def _sorted(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
