"""Reads a service once, inventory first and ledger last; shared by the smaller commands."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.checks import refusals
from deployer.ports import Ports
from reconciler.errors import Refused
from reconciler.gc.verdict import Reason
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger
from reconciler.model.reading import Reading
from reconciler.model.resource import DATABASE, INSTANCE, MAKING, Inventory, Resource
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import ServicePlan, SweepRequest
from reconciler.ports.fleet import Fleet
from reconciler.sweep.name_listing import with_names
from reconciler.sweep.snapshot import Beside, observe, observe_machines

NOT_OURS = frozenset({Reason.FOREIGN, Reason.LOOK_ALIKE})


@dataclass(frozen=True)
class ServiceState:
    """The plan of one service, its inputs, and the reading to swap against.

    `reading` is None where the ledger could not be read; `service_plan.problem` says why.
    """

    service_plan: ServicePlan
    inventory: Inventory
    reading: Reading | None

    @property
    def ledger(self) -> Ledger:
        """The ledger; NO_LEDGER where it could not be read too (`service_plan.problem`)."""
        return self.service_plan.root.ledger

    def known(self) -> tuple[Reading, Ledger]:
        """The reading and ledger of a service that has a ledger. Raises Refused, AccessDenied."""
        self.refuse_gone()
        service = self.service_plan.service
        if self.reading is None or self.service_plan.problem:
            raise refusals.unknown(self.service_plan.root)
        if not self.reading.ledger.exists:
            addresses = self.reading.a.addresses if self.reading.a else ()
            if addresses:
                raise refusals.no_ledger(service, self.reading.address.record, addresses)
            raise Refused(
                f"{service} has not been released yet",
                cure=f"To release it         deployer up {service}",
            )
        return self.reading, self.reading.ledger

    def refuse_gone(self) -> None:
        """Raise Refused for a service that has left: only `leave` and `adopt` go on from there."""
        if self.ledger.left is not None:
            raise refusals.gone(self.service_plan.service, self.ledger.left)

    def machines(self, deploy: DeployId) -> tuple[Resource, ...]:
        """The instances of a deploy that are proved by birth or adoption."""
        return self._of(INSTANCE, deploy)

    def database(self, deploy: DeployId) -> Resource | None:
        """The database that a deploy uses; None where it has none, or none is known."""
        owner = self.ledger.database_of(deploy)
        found = (one for one in self._of(DATABASE, owner) if one.state != MAKING)
        return next(found, None)

    def _of(self, kind: str, deploy: DeployId) -> tuple[Resource, ...]:
        found = (
            verdict.resource
            for verdict in self.service_plan.verdicts
            if verdict.reason not in NOT_OURS
        )
        return tuple(one for one in found if one.kind == kind and one.deploy == deploy)


def refuse_gaps(inventory: Inventory) -> None:
    """Raise the error of the first part that could not be read."""
    for gap in inventory.gaps:
        raise gap.refusal(
            f"{gap.kind}s could not be read ({gap.reason}): nothing is written from half a picture",
            cure=gap.cure,
        )


def survey_machines(ports: Ports) -> ServiceState:
    """Read the ledger, and before it the machines and databases alone (adr/0028).

    Raises CloudError, AccessDenied.
    """
    managed = ports.managed
    world = observe_machines(managed)
    whole = plan(world.inventory, world.roots, {managed.name: SweepRequest(managed.retention)})
    return ServiceState(whole.services[0], world.inventory, world.readings.get(managed.name))


def survey(
    ports: Ports, ask: SweepRequest | None = None, *, beside: Beside | None = None
) -> ServiceState:
    """Read the service once; `beside`: see `observe`."""
    managed = ports.managed
    world = observe(Fleet.of(managed), beside)
    reading = world.readings.get(managed.name)
    ttl = reading.drain_ttl if reading else 60
    asks = {managed.name: ask or SweepRequest(managed.retention, ttl)}
    world = with_names(world, [managed], asks)
    whole = plan(world.inventory, world.roots, asks)
    return ServiceState(whole.services[0], world.inventory, reading)
