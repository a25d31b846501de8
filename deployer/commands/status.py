"""`deployer status` and `history`: the state of a service, as values to display."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from deployer.checks import refusals
from deployer.checks.leftovers import dirt_lines
from deployer.checks.service_state import ServiceState, survey
from deployer.ports import Ports
from reconciler.cost.price_list import Prices
from reconciler.gc.retention import next_target
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Lease, Ledger
from reconciler.model.resource import Resource
from reconciler.plan.service_plan import ServicePlan
from reconciler.traffic.release_addresses import addresses_of


@dataclass(frozen=True)
class DeployLine:
    """One deploy that the ledger names.

    `state`: live, left, previous, rejected, kept or releasing.
    """

    id: DeployId
    release: str
    by: str
    state: str
    since: datetime
    at: tuple[str, ...]
    machines: tuple[Resource, ...]
    database: str
    database_state: str


@dataclass(frozen=True)
class ServiceStatus:
    """The state of a service. `problem` is set where it is unknown."""

    service: str
    record: str
    pointed_at: tuple[str, ...]
    ttl: int | None
    generation: int
    now: datetime
    lease: Lease | None
    deploys: tuple[DeployLine, ...]
    dirt: tuple[str, ...]
    notes: tuple[str, ...]
    problem: str
    service_plan: ServicePlan
    prices: Prices
    traffic: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether there is nothing to do, for the product or for people."""
        return self.service_plan.empty and not self.problem and not self.service_plan.contradictions


def status(ports: Ports) -> ServiceStatus:
    """Read the service once; changes nothing."""
    seen = survey(ports)
    reading, ledger = seen.reading, seen.ledger
    root = seen.service_plan.root
    return ServiceStatus(
        service=ports.managed.name,
        record=ports.service.record,
        pointed_at=reading.a.addresses if reading and reading.a else (),
        ttl=reading.a.ttl if reading and reading.a else None,
        generation=ledger.gen,
        now=seen.service_plan.root.now,
        lease=ledger.lease,
        deploys=_deploys(seen, ledger),
        dirt=tuple(dirt_lines(seen.service_plan.deletes, seen.service_plan.root.now, ports.prices)),
        notes=(*_notes(seen), *_ends(ports, ledger)),
        problem=seen.service_plan.problem,
        service_plan=seen.service_plan,
        prices=ports.prices,
        traffic=tuple(map(str, root.traffic.routes)) if root.traffic else (),
    )


def _notes(seen: ServiceState) -> Iterator[str]:
    service_plan = seen.service_plan
    yield from service_plan.contradictions
    if seen.ledger.left is not None:
        gone = refusals.gone(service_plan.service, seen.ledger.left)
        yield f"{gone.message}. {' '.join(gone.cure.splitlines()[0].split())}"
    if service_plan.readdress:
        says, now = ", ".join(service_plan.root.record), ", ".join(service_plan.readdress)
        yield f"the live machines are at {now} now; the A record still says {says}"
    for repair in service_plan.repairs:
        yield f"{repair.deploy}: {repair.why}"
    for rest in service_plan.rests:
        yield f"{rest.machine.id} of {rest.deploy}: to be {rest.word} by the next sweep"
    for gap in seen.inventory.gaps:
        yield f"{gap.kind}s could not be listed: {gap.reason}"


def _ends(ports: Ports, ledger: Ledger) -> Iterator[str]:
    """Until when a rollback is possible, where its target will be deleted."""
    spare = next_target(ledger)
    entry = ledger.find_previous(spare) if spare is not None else None
    if ports.service.park == "terminate" and entry is not None:
        end = entry.retired + ports.service.park_after
        yield (
            f'{entry.id} is deleted from {end:%Y-%m-%d %H:%M} UTC on (park = "terminate"): then '
            "there is nothing to roll back to"
        )


def _deploys(seen: ServiceState, ledger: Ledger) -> tuple[DeployLine, ...]:
    lines = []
    if ledger.live is not None:
        lines.append(_line(seen, ledger.live.id, "live", ledger.live.id.born, ledger.live.at))
    if ledger.left is not None:
        left = ledger.left
        lines.append(_line(seen, left.id, "left", left.id.born, left.at))
    for entry in ledger.previous:
        state = "rejected" if entry.rejected else "previous"
        at = addresses_of(entry, seen.machines(entry.id))
        lines.append(_line(seen, entry.id, state, entry.retired, at))
    lines += [_line(seen, evidence.id, "kept", evidence.id.born, ()) for evidence in ledger.kept]
    if ledger.lease is not None:
        deploy = ledger.lease.id
        lines.append(_line(seen, deploy, "releasing", deploy.born, ()))
    return tuple(lines)


def _line(
    seen: ServiceState, deploy: DeployId, state: str, since: datetime, at: tuple[str, ...]
) -> DeployLine:
    machines = seen.machines(deploy)
    database = seen.database(deploy)
    tags = machines[0].tags if machines else {}
    return DeployLine(
        deploy,
        tags.get(t.RELEASE, ""),
        tags.get(t.BY, ""),
        state,
        since,
        at,
        machines,
        database.name if database else "",
        database.state if database else "",
    )
