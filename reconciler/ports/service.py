"""A service that the reconciler manages: its values, and the ports to its resources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from reconciler.database.port import DatabaseServer
from reconciler.errors import ToolError
from reconciler.gc.base_images import NO_BASES, Bases
from reconciler.gc.ownership import ServiceLocation
from reconciler.gc.retention import Retention
from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.shell import PersonSession, Shell
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import NO_LEDGER, Ledger
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.reading import LedgerAddress
from reconciler.model.resource import DATABASE, Resource
from reconciler.model.tags import Label
from reconciler.plan.circuit_breaker import Cap
from reconciler.ports.cloud_inventory import CloudInventory
from reconciler.ports.ledger_store import LedgerStore
from reconciler.traffic.port import Traffic
from reconciler.traffic.reading import TrafficReading
from reconciler.traffic.record import RecordTraffic

OnOutcome = Callable[[Outcome], None]
"""Called for each resource as soon as its status is known: silence looks like a hang."""


class ServiceAccess(Protocol):
    """Access to a service's machines and databases. Either may be out of reach."""

    def shell(self, machine: Resource) -> Shell:
        """An open session on one of its machines, its host key pinned from the machine's tag.

        Raises ShellError, NotTried. The caller closes it.
        """

    def terminal(self, machine: Resource) -> PersonSession:
        """The same session, for a person to work in."""
        ...

    def databases(self) -> DatabaseServer:
        """The server that holds its databases. Raises NoDatabase if it has none configured.

        Raises DatabaseError, AccessDenied (the reference cannot be resolved), NotTried.
        """


@dataclass(frozen=True)
class ManagedService:
    """One configured service. `gate` names its units; None if it has no machines to contact.

    `ignore_roles` are other roles whose sessions do not keep a database from being dropped.
    `zone_account` holds the ledger's zone; '' for the account of the machines. `despite` are names
    that the operator vouches for: an address that they hold keeps nothing. `jobs_despite` are
    machines that do not answer, and of which the operator confirms in this run that they run no
    jobs. `bases` returns the images that any configured service names; it never raises.
    `delete_limit` is how long a sweep waits for what it asked AWS to delete, in seconds.
    """

    home: ServiceLocation
    address: LedgerAddress
    heap: CloudInventory
    ledgers: LedgerStore
    reach: ServiceAccess
    gate: ActivationGate | None = None
    app_roles: tuple[str, ...] = ()
    ignore_roles: tuple[str, ...] = ()
    max_wait: float = 30.0
    delete_limit: float = 300.0
    retention: Retention = field(default_factory=Retention)
    min_age: timedelta = timedelta(0)
    zone_account: str = ""
    despite: frozenset[str] = frozenset()
    cap: Cap = field(default_factory=Cap)
    jobs_despite: frozenset[str] = frozenset()
    bases: Callable[[], Bases] = lambda: NO_BASES
    traffic: Traffic = field(default_factory=RecordTraffic)

    @property
    def name(self) -> str:
        """The service's name."""
        return self.home.service

    def routes(self, ledger: Ledger = NO_LEDGER) -> TrafficReading | None:
        """What leads to live now, and whose the groups or machines are; None if the record does.

        Raises CloudError, AccessDenied.
        """
        found = self.traffic.read()
        return found.resolved(self.name, self.home.owns, ledger) if found else None

    def fenced_act(self, generation: int, deploy: DeployId, was: tuple[str, ...]) -> FencedAct:
        """An act on what `deploy` owns, under this ledger; `was` are its former addresses."""
        return FencedAct(generation, deploy, str(self.address), was)

    def label(self, resources: Sequence[Resource], label: Label) -> None:
        """Labels the resources in AWS; a database has no label.

        Raises ToolError for the first that could not be labelled: then the next step, which
        relies on all of them, must not begin. Also what `CloudInventory.label` raises.
        """
        outcomes = self.heap.label(
            [resource for resource in resources if resource.kind != DATABASE], label
        )
        bad = next(
            (outcome for outcome in outcomes if outcome.status is not OutcomeStatus.DONE), None
        )
        if bad is not None:
            raise ToolError(f"{bad.resource.id} could not be labelled: {bad.text}")
