"""Connects the edges for a configured service: the only module that knows all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.aws.base_images import BaseImages
from reconciler.aws.client.response_events import OnAnswer
from reconciler.aws.client.session import Aws
from reconciler.aws.instance_connect import minute_key
from reconciler.aws.read_ahead import ReadAhead
from reconciler.aws.route53.ledger_store import Route53Ledgers
from reconciler.aws.s3.ledger_store import S3Ledgers
from reconciler.aws.ssm_secrets import from_ssm
from reconciler.config.loader import Settings
from reconciler.config.reconciler import ReachSettings
from reconciler.config.service import Service
from reconciler.database.port import DatabaseServer
from reconciler.errors import CloudError, ConfigError, NotTried
from reconciler.gc.ownership import ServiceLocation
from reconciler.gc.retention import Retention, StandbyPolicy
from reconciler.machine.activation_gate import ActivationGate
from reconciler.model import tags as t
from reconciler.model.reading import LedgerAddress
from reconciler.model.resource import TARGET_GROUP
from reconciler.model.tags import AccountRegion
from reconciler.plan.circuit_breaker import Cap
from reconciler.ports.service import ManagedService
from reconciler.util.concurrency import begun
from reconciler.util.log import Logger
from reconciler.util.secret import Reference, Secret, resolve
from reconciler.wiring.database_tunnel import DatabaseTunnel, machine_to_go_through
from reconciler.wiring.ledger_stores import LedgerStores
from reconciler.wiring.service_access import SshConnector, SshServiceAccess
from reconciler.wiring.ssh_route import bastion_route
from reconciler.wiring.traffic_kinds import RECORD, TrafficSource
from reconciler.wiring.traffic_kinds import build as build_traffic

if TYPE_CHECKING:
    from reconciler.machine.ssh.client import RemoteShell

log = Logger()


@dataclass
class Edges:
    """The sessions of one process, shared by the services of an account region.

    `reach` says which connections besides AWS are allowed: all, unless the sweep disables some.
    `located` knows where ledgers are without asking; it raises what `managed` raises. `zone_rate`
    is how many calls a second an account's Route 53 gets from here; 0: as many as are made.
    """

    settings: Settings
    reach: ReachSettings = field(default_factory=ReachSettings)
    on_answer: OnAnswer | None = None
    located: Callable[[str], LedgerAddress] | None = None
    zone_rate: float = 0.0
    _accounts: dict[str, Aws] = field(default_factory=dict)
    _aws: dict[AccountRegion, Aws] = field(default_factory=dict)
    _ledgers: dict[str, LedgerStores] = field(default_factory=dict)
    _heaps: dict[AccountRegion, ReadAhead] = field(default_factory=dict)
    _parameters: dict[tuple[AccountRegion, str], Future[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bases = BaseImages(self.settings.services.values(), self.aws)

    def aws(self, place: AccountRegion) -> Aws:
        """The account and region's clients; the account is checked before the first call."""
        if place not in self._aws:
            self._aws[place] = self._account(place).in_region(place.region)
        return self._aws[place]

    def _account(self, place: AccountRegion) -> Aws:
        if place.account not in self._accounts:
            role = self.settings.reconciler.roles.get(place.account, "")
            self._accounts[place.account] = Aws(
                place, role=role, on_answer=self.on_answer, zone_rate=self.zone_rate
            )
        return self._accounts[place.account]

    def resolver(self, service: Service) -> Callable[[Reference], Secret]:
        """Resolves the service's references, `ssm:` in its own account and region."""
        aws, place = self.aws(service.place), service.place

        def read(path: str) -> str:
            ahead = self._parameters.pop((place, path), None)
            return ahead.result() if ahead is not None else from_ssm(aws, path)

        return lambda reference: resolve(reference, read)

    def begin(self, service: Service, *, inventory: bool, database: bool) -> None:
        """Begin to read what needs the right account alone: inventory, the database's address.

        Each is for one answer; later ones are read when they are asked for. Raises AccessDenied,
        CloudError: no other request before it is the right account.
        """
        aws, admin = self.aws(service.place), service.database.admin if service.database else None
        path = admin.value if database and admin is not None and admin.scheme == "ssm" else ""
        aws.verify("ec2", "route53", *(["ssm"] if path else []))
        if inventory:
            self.heap(service.place).begin()
        if path:
            self._parameters[service.place, path] = begun(lambda: from_ssm(aws, path))

    def connector(self, service: Service) -> SshConnector:
        """SSH to the service's machines."""
        aws, key = self.aws(service.place), str(service.ssh.key)
        return SshConnector(service, self.resolver(service), lambda: minute_key(aws, key))

    def managed(self, service: Service, *, by_labels: bool = False) -> ManagedService:
        """The service with its ports. Raises ConfigError, AccessDenied, CloudError.

        With `by_labels`, if Route 53 is unavailable, the ledger's address is read from the tags of
        live resources. No sweep or release uses such an address.
        """
        place, zone = service.place, service.zone_place
        ledgers, heap = self.ledgers(zone), self.heap(place)
        address = self._address(service, by_labels=by_labels)
        source = TrafficSource(service, self.aws(place), ledgers, address)
        traffic, address = build_traffic(source)
        home = ServiceLocation(service.name, str(address), place)
        database, breaker = service.database, self.settings.reconciler.breaker
        return ManagedService(
            home=home,
            address=address,
            heap=heap,
            ledgers=ledgers,
            reach=self._reach(service, home),
            gate=ActivationGate(
                service.app.units, service.app.jobs, service.app.jobs_on == "first"
            ),
            app_roles=(database.app_role,) if database else (),
            ignore_roles=database.ignore_roles if database else (),
            max_wait=database.max_wait.total_seconds() if database else 0.0,
            delete_limit=service.limits.delete.total_seconds(),
            retention=self._retention(service),
            min_age=self.settings.reconciler.min_age,
            zone_account=zone.account,
            cap=Cap(breaker.max_count, breaker.share),
            bases=self.bases,
            traffic=traffic,
        )

    def _retention(self, service: Service) -> Retention:
        """Nobody is drained or parked from where no machine can be reached."""
        said = service.retention
        return said if self.reach.machines else replace(said, standby=StandbyPolicy())

    def address(self, service: Service) -> LedgerAddress:
        """Where the ledger is; only of a kind of traffic that is found there is the home asked.

        Raises ConfigError, AccessDenied, CloudError.
        """
        if service.traffic.kind == RECORD:
            return self._address(service, by_labels=False)
        return self.managed(service).address

    def _address(self, service: Service, *, by_labels: bool) -> LedgerAddress:
        place = service.place
        if self.located is not None:
            return self.located(service.name)
        try:
            address = located(self.ledgers(service.zone_place).zones, service)
        except CloudError as error:
            labelled = _labelled(self.heap(place), service) if by_labels else None
            if labelled is None:
                raise
            log.warning("the ledger's place is as the labels say", cause=error.message)
            address = labelled
        return replace(address, account=place.account, region=place.region)

    def ledgers(self, place: AccountRegion) -> LedgerStores:
        """The ledgers in the zones and buckets of an account."""
        if place.account not in self._ledgers:
            aws = self.aws(place)
            self._ledgers[place.account] = LedgerStores(Route53Ledgers(aws), S3Ledgers(aws))
        return self._ledgers[place.account]

    def heap(self, place: AccountRegion) -> ReadAhead:
        """The resources of an account and region."""
        if place not in self._heaps:
            said = self.settings.reconciler
            services = self.settings.services.values()
            behind = any(
                one.place == place and one.traffic.kind == TARGET_GROUP for one in services
            )
            kinds = (*said.kinds, *((TARGET_GROUP,) if behind else ()))
            self._heaps[place] = ReadAhead(self.aws(place), lifts=said.lift_protection, kinds=kinds)
        return self._heaps[place]

    def _reach(self, service: Service, home: ServiceLocation) -> SshServiceAccess:
        connector = self.connector(service) if self.reach.machines else None
        server = self._server(service, home)
        tried = server if self.reach.databases or server is None else _not_tried
        return SshServiceAccess(service, connector, tried)

    def _server(
        self, service: Service, home: ServiceLocation
    ) -> Callable[[], DatabaseServer] | None:
        database = service.database
        if database is None:
            return None
        secret = self.resolver(service)
        tunnel = self._tunnel(service, home) if service.database_through_ssh else None
        return lambda: _postgres(secret(database.admin), tunnel)

    def _tunnel(self, service: Service, home: ServiceLocation) -> DatabaseTunnel:
        """Through the last bastion, or where the route has none, through a machine."""
        resolve = self.resolver(service)
        if service.ssh.via == "bastion":
            return DatabaseTunnel(lambda: bastion_route(service, resolve).session())

        def through_machine() -> RemoteShell:
            machine = machine_to_go_through(self.heap(service.place).scan().resources, home)
            return SshServiceAccess(service, self.connector(service), None).shell(machine)

        return DatabaseTunnel(through_machine)


def located(zones: Route53Ledgers, service: Service) -> LedgerAddress:
    """Locate the ledger, and the names around it. Raises ConfigError, CloudError.

    A change batch concerns one zone: a name in another zone cannot move with the record. A ledger
    in a bucket needs no zone; then only the configured ones are watched.
    """
    more = tuple(id_ for zone in service.witness_zones for id_ in zones.zone_ids(zone))
    if service.ledger:
        address = LedgerAddress.in_bucket(service.ledger, service.name, service.record)
        return replace(address, watched=more)
    address = zones.locate(service.name, service.record, service.zone)
    for name in service.also:
        if zones.locate(service.name, name, service.zone).zone_id != address.zone_id:
            raise ConfigError(
                f"also: {name} is not in {address.zone}, the zone of {service.record}: one change "
                "batch cannot move both",
                cure=f"make {name} a CNAME of {service.record}, and take it out of `also`",
            )
    # Always include the record's own zone: a second name beside the record is the likeliest case.
    watched = tuple(dict.fromkeys((address.zone_id, *more))) if more else ()
    return replace(address, also=service.also, watched=watched)


def _labelled(heap: ReadAhead, service: Service) -> LedgerAddress | None:
    """The one ledger that the service's live resources name; None if they do not agree."""
    found = {
        resource.tags.get(t.LEDGER, "")
        for resource in heap.scan().resources
        if resource.label is t.Label.LIVE
        and resource.deploy
        and resource.deploy.service == service.name
    }
    if len(found) != 1:
        return None
    with contextlib.suppress(ValueError):
        return LedgerAddress.parse(found.pop(), service.name, service.record)
    return None


def _postgres(admin: Secret, tunnel: DatabaseTunnel | None) -> DatabaseServer:
    from reconciler.database.postgres.engine import PostgresServer  # a slow import

    return PostgresServer.from_url(admin.reveal(), tunnel)


def _not_tried() -> DatabaseServer:
    raise NotTried(
        "reach.databases = false in reconciler.toml",
        cure="where databases are reached     reconciler sweep",
    )
