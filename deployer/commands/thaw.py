"""`deployer thaw`: reopens the live database when a dead deployer has left it closed.

With the ledger readable this is what the sweep does: end an expired lease, then thaw with the
ledger's generation. With Route 53 out of reach only an operator can know that no commit is in
flight, and says so with `--deployer-is-dead`.
"""

from __future__ import annotations

from deployer.checks import refusals
from deployer.checks.service_state import ServiceState, survey
from deployer.ports import Ports
from reconciler.database.identity import claims
from reconciler.database.port import DatabaseInfo, DatabaseServer
from reconciler.database.state_comment import State
from reconciler.errors import AccessDenied, CloudError, LedgerUnknown, Refused
from reconciler.model import ledger as ledgers
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import NEVER
from reconciler.model.ledger import Ending, Lease
from reconciler.model.resource import INSTANCE, database_owner
from reconciler.model.tags import Label


def thaw(ports: Ports, *, deployer_is_dead: bool = False) -> str:
    """Open the live database; return its name. Raises Refused, DatabaseError, StaleAct."""
    server = ports.managed.reach.databases()
    seen = survey(ports)
    if seen.reading is None:
        return _without_ledger(ports, seen, server, deployer_is_dead=deployer_is_dead)
    _, ledger = seen.known()
    if ledger.live is None:
        raise Refused(f"{ports.managed.name} has no live deploy")
    resource = seen.database(ledger.live.id)
    if resource is None:
        raise Refused(
            f"no database of {ledger.live.id} is known to have been shut",
            cure=f"To see what there is     deployer status {ports.managed.name}",
        )
    generation = ledger.gen
    if ledger.lease is not None:
        generation = _end(ports, seen, ledger.lease, operator=deployer_is_dead)
    owner = ledger.database_of(ledger.live.id)
    act = ports.managed.fenced_act(generation, owner, ledger.was)
    server.thaw(resource.name, act)
    return resource.name


def _end(ports: Ports, seen: ServiceState, lease: Lease, *, operator: bool) -> int:
    """Un-root the dead deployer by a swap first: its commit can then no longer succeed."""
    reading, ledger = seen.known()
    if not operator and not ledgers.expired(lease, reading.now):
        refusal = refusals.held(seen.service_plan, lease, f"deployer thaw {ports.managed.name}")
        dead = f"deployer thaw {ports.managed.name} --deployer-is-dead"
        refusal.cure = f"If that deployer is dead   {dead}\n{refusal.cure}"
        raise refusal
    ended = ledgers.end(ledger, Ending(lease, reading.now, operator=operator))
    ports.managed.ledgers.swap(reading, ended)
    return ended.gen


def _without_ledger(
    ports: Ports, seen: ServiceState, server: DatabaseServer, *, deployer_is_dead: bool
) -> str:
    service = ports.managed.name
    _refuse_said(ports)
    if not deployer_is_dead:
        raise LedgerUnknown(
            f"the ledger of {service} cannot be read: {seen.service_plan.problem}",
            cure=(
                "If you know that its deployer is dead and no commit is on its way:\n"
                f"deployer thaw {service} --deployer-is-dead"
            ),
        )
    live = _labelled_live(seen)
    _refuse_committed(ports, server, live)
    owner = database_owner(seen.machines(live), live)
    _refuse_rolled_back(ports, seen, server, live)
    info = _shut_database(ports, server, owner)
    assert info.memory is not None
    server.thaw(info.name, ports.managed.fenced_act(info.memory.generation, owner, ()))
    return info.name


def _refuse_said(ports: Ports) -> None:
    """A ledger that answers is not out of reach, whatever its content (rules 6 and 12).

    It may be another configuration's, moved, or damaged. Raises LedgerUnknown, Refused.
    """
    try:
        ports.managed.ledgers.read(ports.managed.address)
    except (CloudError, AccessDenied):
        return
    service = ports.managed.name
    raise Refused(
        f"the ledger of {service} can be read again", cure=f"Once more     deployer thaw {service}"
    )


def _labelled_live(seen: ServiceState) -> DeployId:
    """The one deploy that is labelled live: without the ledger, labels are the only evidence."""
    found = {
        resource.deploy for resource in seen.inventory.resources if resource.label is Label.LIVE
    }
    named = [one for one in found if one is not None and one.service == seen.service_plan.service]
    if len(named) != 1:
        raise Refused(f"{len(named)} deploys are labelled live: which database to open is unknown")
    return named[0]


def _refuse_committed(ports: Ports, server: DatabaseServer, live: DeployId) -> None:
    """Labels come last: the deploy labelled live may have been left already.

    A release records its counters just before its commit. Where a newer one has, and takes writes,
    only the ledger knows who is live, and two databases must never take writes at once.
    """
    ledger = str(ports.managed.address)
    for info in server.databases():
        memory = info.memory
        if memory is None or memory.ledger != ledger or memory.state is not State.OPEN:
            continue
        if memory.baseline is not None and memory.deploy.born > live.born:
            raise Refused(
                f"{memory.deploy} had come to its commit, and {info.name} takes writes: only the "
                f"ledger says whether it is live, or {live}",
                cure="Wait for the ledger. If you know that it never went live, drop its database "
                "first: what was written into it is then lost.",
            )


def _refuse_rolled_back(
    ports: Ports, seen: ServiceState, server: DatabaseServer, live: DeployId
) -> None:
    """A rollback labels its target `pending` with its commit, and opens that database after it.

    A new release's own database is never closed. Any other that has obeyed a generation as high as
    the freeze of live was acted on under the lease of that freeze: a rollback to it.
    """
    machines = [resource for resource in seen.inventory.resources if resource.kind == INSTANCE]
    begun = {
        database_owner([machine], machine.deploy)
        for machine in machines
        if machine.deploy is not None and machine.label is Label.PENDING
    }
    own = database_owner(seen.machines(live), live)
    found = claims(server.databases(), str(ports.managed.address))
    known = [(one.deploy, one.info.memory) for one in found if one.info.memory is not None]
    frozen = max((memory.generation for deploy, memory in known if deploy == own), default=NEVER)
    for deploy, memory in known:
        if deploy == own:
            continue
        back = deploy.born < own.born or memory.state is State.SHUT
        if back and memory.generation >= frozen > NEVER:
            raise _rolled_back(live, deploy, "The labels do not.")
        if deploy in begun and memory.state is State.SHUT:
            raise _rolled_back(
                live,
                deploy,
                "If you know that the A record was not moved, label the "
                f"machines of {deploy} retired first (deploy-state).",
            )


def _rolled_back(live: DeployId, target: DeployId, cure: str) -> Refused:
    return Refused(
        f"{live} was being rolled back to {target}: only the ledger says which of the two is live",
        cure=f"Wait for the ledger. {cure}",
    )


def _shut_database(ports: Ports, server: DatabaseServer, owner: DeployId) -> DatabaseInfo:
    ledger = str(ports.managed.address)
    for claim in claims(server.databases(), ledger):
        info, memory = claim.info, claim.info.memory
        if memory and claim.deploy == owner and not claim.doubt:
            if memory.state is State.SHUT:
                return info
            raise Refused(f"{info.name} takes writes already: there is nothing to thaw")
    raise CloudError(f"no database of {owner} is known on the server")
