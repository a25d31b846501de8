"""Puts the edges together for a configured service: the only place that knows all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from reconciler.aws.heap import Ec2Heap
from reconciler.aws.route53 import Route53Ledgers
from reconciler.aws.secrets import from_ssm
from reconciler.aws.session import Aws
from reconciler.birth import Home
from reconciler.database.port import DatabaseServer
from reconciler.database.postgres import PostgresServer
from reconciler.machine_gate import Gate
from reconciler.managed import Managed
from reconciler.reach import Connector, ServiceReach
from reconciler.secret import Reference, Secret, resolve
from reconciler.settings import Settings
from reconciler.settings_schema import Service
from reconciler.tags import Place


@dataclass
class Edges:
    """The sessions of one process, shared by the services of a place."""

    settings: Settings
    _aws: dict[Place, Aws] = field(default_factory=dict)
    _ledgers: dict[Place, Route53Ledgers] = field(default_factory=dict)
    _heaps: dict[Place, Ec2Heap] = field(default_factory=dict)

    def aws(self, place: Place) -> Aws:
        """The account and region's clients; the account is checked before the first call."""
        if place not in self._aws:
            role = self.settings.reconciler.roles.get(place.account, "")
            self._aws[place] = Aws(place, role=role)
        return self._aws[place]

    def resolver(self, service: Service) -> Callable[[Reference], Secret]:
        """Resolves the service's references, `ssm:` in its own account and region."""
        aws = self.aws(service.place)
        return lambda reference: resolve(reference, lambda path: from_ssm(aws, path))

    def connector(self, service: Service) -> Connector:
        """SSH to the service's machines."""
        return Connector(service, self.resolver(service))

    def managed(self, service: Service) -> Managed:
        """The service with its ports. Raises ConfigError, AccessDenied, CloudError."""
        place = service.place
        aws = self.aws(place)
        ledgers = self._ledgers.setdefault(place, Route53Ledgers(aws))
        heap = self._heaps.setdefault(place, Ec2Heap(aws))
        address = ledgers.locate(service.name, service.record)
        database = service.database
        return Managed(
            home=Home(service.name, str(address), place),
            address=address,
            heap=heap,
            ledgers=ledgers,
            reach=ServiceReach(service, self.connector(service), self._server(service)),
            gate=Gate(service.app.units, service.app.jobs),
            app_roles=(database.app_role,) if database else (),
            max_wait=database.max_wait.total_seconds() if database else 0.0,
            retention=service.retention,
            min_age=self.settings.reconciler.min_age,
        )

    def _server(self, service: Service) -> Callable[[], DatabaseServer] | None:
        database = service.database
        if database is None:
            return None
        secret = self.resolver(service)
        return lambda: PostgresServer.from_url(secret(database.admin).reveal())


def managed(settings: Settings, names: Iterable[str] = ()) -> list[Managed]:
    """The named services with their ports, or all that are configured."""
    edges = Edges(settings)
    chosen = [settings.service(one) for one in names] or list(settings.services.values())
    return [edges.managed(one) for one in chosen]
