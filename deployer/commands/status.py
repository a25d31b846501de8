"""`deployer status` and `history`: the state of a service, as values to display."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from deployer.checks import refusals
from deployer.checks.lease.pause import PAUSED
from deployer.checks.leftovers import dirt_lines
from deployer.checks.service_state import ServiceState, survey
from deployer.commands.at_work import AtWork, at_work
from deployer.ports import Ports
from deployer.provisioning.live_check import NOT_ASKED, Answer, ask_live
from reconciler.cost.audit import report
from reconciler.cost.estimate import Sum
from reconciler.cost.price_list import Prices
from reconciler.gc.retention import next_target, went_live
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.journal.entry import (
    RELEASE,
    RELEASED,
    ROLLBACK,
    ROLLED_BACK,
    UNFINISHED,
    Entry,
)
from reconciler.model.ledger import Lease, Ledger
from reconciler.model.resource import DATABASE, Gap, Resource
from reconciler.plan.service_plan import Plan, ServicePlan
from reconciler.ports.journal.reader import Journal
from reconciler.sweep.attached_volumes import VolumesAhead, attached_volumes
from reconciler.traffic.release_addresses import addresses_of


@dataclass(frozen=True)
class DeployLine:
    """One deploy that the ledger names.

    `state`: live, left, previous, rejected, kept, releasing or paused. `since`: when it came to
    that state, as far as the ledger tells. `went_live`: when it last became live; None if that is
    not told.
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
    went_live: datetime | None = None


@dataclass(frozen=True)
class ServiceStatus:
    """The state of a service. `problem` is set where it is unknown.

    `last_sweep` is the last that changed something, by the journal. `unread` says why its databases
    could not be listed: whether it takes writes is unknown then. `cost` is the audit's total, and
    `partial` says whether something of it could not be read.
    """

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
    cost: Sum
    partial: bool = False
    traffic: tuple[str, ...] = ()
    at_work: AtWork | None = None
    answer: Answer = NOT_ASKED
    last_sweep: Entry | None = None
    unread: Gap | None = None

    @property
    def clean(self) -> bool:
        """Whether there is nothing to do, for the product or for people."""
        plan = self.service_plan
        right = plan.empty and not self.problem and not plan.contradictions
        return right and plan.shut_live is None and not self.answer.trouble

    @property
    def ill(self) -> bool:
        """Whether the service is impaired or unknown, and no deployer at work explains it."""
        plan, work = self.service_plan, self.at_work
        wrong = plan.shut_live is not None or bool(plan.notes)  # clients may be somewhere else
        explained = work is not None and work.alive
        return bool(self.answer.trouble or self.unread) or (wrong and not explained)


def status(ports: Ports, *, checks: bool = False) -> ServiceStatus:
    """Read the service once, and with `checks` ask its live machines; changes nothing."""
    volumes = VolumesAhead(ports.managed.heap)
    seen = survey(ports, beside=volumes.begin)
    reading, ledger = seen.reading, seen.ledger
    root = seen.service_plan.root
    answer = _ask(ports, seen) if checks else NOT_ASKED
    cost, partial = _cost(ports, seen, volumes)
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
        cost=cost,
        partial=partial,
        traffic=tuple(map(str, root.traffic.routes)) if root.traffic else (),
        at_work=at_work(ports, seen),
        answer=answer,
        unread=next((gap for gap in seen.inventory.gaps if gap.kind == DATABASE), None),
    )


def _cost(ports: Ports, seen: ServiceState, ahead: VolumesAhead) -> tuple[Sum, bool]:
    """The audit's total of the service, and whether something of it could not be read."""
    whole = Plan((seen.service_plan,), inventory=seen.inventory)
    volumes = attached_volumes(whole, {ahead.place: ahead})
    audit = report(whole, ports.prices, volumes=volumes)
    return audit.total, bool(audit.gaps)


def with_journal(status: ServiceStatus, journal: Journal | None) -> ServiceStatus:
    """The status with what only the journal tells: the last sweep, and when live went live."""
    if journal is None:
        return status
    deploys = tuple(_dated(deploy, journal) for deploy in status.deploys)
    return replace(status, deploys=deploys, last_sweep=journal.last_sweep)


def _dated(deploy: DeployLine, journal: Journal) -> DeployLine:
    """When live went live, by the journal where it is later.

    The ledger tells it by who was live before: not if that was rolled back from, and forgotten.
    """
    if deploy.state != "live":
        return deploy
    made_live = (
        entry.ended
        for entry in journal.entries
        if entry.kind in (RELEASE, ROLLBACK) and entry.deploy == str(deploy.id)
        if entry.outcome in (RELEASED, ROLLED_BACK, UNFINISHED)
    )
    when = next(made_live, None)
    later = when is not None and (deploy.went_live is None or when > deploy.went_live)
    return replace(deploy, went_live=when, since=when) if when and later else deploy


def _ask(ports: Ports, seen: ServiceState) -> Answer:
    """The checks of the machines that clients are sent to."""
    live = seen.ledger.live
    if live is None or seen.service_plan.problem:
        return NOT_ASKED
    running = [one for one in seen.machines(live.id) if one.state == "running"]
    return ask_live(ports, live.at, running)


def _notes(seen: ServiceState) -> Iterator[str]:
    service_plan = seen.service_plan
    yield from service_plan.contradictions
    if seen.ledger.left is not None:
        gone = refusals.gone(service_plan.service, seen.ledger.left)
        yield f"{gone.message}. {' '.join(gone.cure.splitlines()[0].split())}"
    if service_plan.readdress:
        says, now = ", ".join(service_plan.root.record), ", ".join(service_plan.readdress)
        yield f"the live machines are at {now} now; the A record still says {says}"
    yield from _due(service_plan)
    for gap in seen.inventory.gaps:
        yield f"{gap.kind}s could not be listed: {gap.reason}"


def _due(service_plan: ServicePlan) -> Iterator[str]:
    for repair in service_plan.repairs:
        yield f"{repair.deploy}: {repair.why}"
    for rest in service_plan.rests:
        yield f"{rest.machine.id} of {rest.deploy}: to be {rest.word} by the next sweep"


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
        deploy, at = ledger.live.id, ledger.live.at
        when = went_live(deploy, ledger.previous)
        lines.append(_line(seen, deploy, "live", when or deploy.born, at, when))
    if ledger.left is not None:
        left = ledger.left
        lines.append(_line(seen, left.id, "left", left.id.born, left.at))
    for number, entry in enumerate(ledger.previous):
        state = "rejected" if entry.rejected else "previous"
        at = addresses_of(entry, seen.machines(entry.id))
        when = went_live(entry.id, ledger.previous[number + 1 :])
        lines.append(_line(seen, entry.id, state, entry.retired, at, when))
    lines += [_line(seen, evidence.id, "kept", evidence.id.born, ()) for evidence in ledger.kept]
    if ledger.lease is not None:
        deploy = ledger.lease.id
        state = "paused" if ledger.lease.step == PAUSED else "releasing"
        lines.append(_line(seen, deploy, state, deploy.born, ()))
    return tuple(lines)


def _line(
    seen: ServiceState,
    deploy: DeployId,
    state: str,
    since: datetime,
    at: tuple[str, ...],
    live_at: datetime | None = None,
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
        live_at,
    )
