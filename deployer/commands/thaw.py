"""`deployer thaw`: reopens the live database when a dead deployer has left it closed.

With the ledger readable this is what the sweep does: end an expired lease, then thaw with the
ledger's generation. With Route 53 out of reach only an operator can know that no commit is in
flight, and says so with `--deployer-is-dead`; and, where a rollback had begun, that clients are
still led to the release that was live, with `--not-moved` (adr/0028).
"""

from __future__ import annotations

from dataclasses import dataclass

from deployer.checks import refusals
from deployer.checks.service_state import ServiceState, survey
from deployer.ports import Ports
from reconciler.database.identity import claims
from reconciler.database.port import DatabaseInfo, DatabaseServer
from reconciler.database.state_comment import State
from reconciler.errors import AccessDenied, CloudError, LedgerUnknown, Refused
from reconciler.model import ledger as ledgers
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import NEVER, FencedAct
from reconciler.model.ledger import Ending, Lease
from reconciler.model.resource import INSTANCE, database_owner
from reconciler.model.tags import Label


@dataclass(frozen=True)
class OperatorsWord:
    """What a person knows and this program cannot.

    deployer_is_dead   the lease's holder is dead, and no change of the ledger is on its way
    not_moved          the deploy to which the record, or the balancer, still leads clients
    """

    deployer_is_dead: bool
    not_moved: DeployId | None


def thaw(ports: Ports, *, deployer_is_dead: bool = False, not_moved: DeployId | None = None) -> str:
    """Open the live database; return its name. Raises Refused, DatabaseError, StaleAct."""
    word = OperatorsWord(deployer_is_dead, not_moved)
    server = ports.managed.reach.databases()
    seen = survey(ports)
    if seen.reading is None:
        return _without_ledger(ports, seen, server, word)
    _, ledger = seen.known()
    if ledger.live is None:
        raise Refused(
            f"{ports.managed.name} has no live deploy",
            cure=f"To see what there is     deployer status {ports.managed.name}",
        )
    _refuse_another(word, ledger.live.id, "is live by the ledger, which can be read")
    resource = seen.database(ledger.live.id)
    if resource is None:
        raise Refused(
            f"no database of {ledger.live.id} is known to have been shut",
            cure=f"To see what there is     deployer status {ports.managed.name}",
        )
    generation = ledger.gen
    if ledger.lease is not None:
        generation = _end(ports, seen, ledger.lease, operator=word.deployer_is_dead)
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
    ports: Ports, seen: ServiceState, server: DatabaseServer, word: OperatorsWord
) -> str:
    service = ports.managed.name
    _refuse_said(ports)
    if not word.deployer_is_dead:
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
    _refuse_another(word, live, "is labelled live")
    if word.not_moved is None:
        _refuse_rolled_back(ports, seen, server, live)
    info = _shut_database(ports, server, owner)
    assert info.memory is not None
    act = ports.managed.fenced_act(info.memory.generation, owner, ())
    if word.not_moved is None:
        server.thaw(info.name, act)
    else:
        _open_alone(ports, server, info.name, act)
    return info.name


def _refuse_another(word: OperatorsWord, live: DeployId, why: str) -> None:
    if word.not_moved not in (None, live):
        raise Refused(
            f"--not-moved names {word.not_moved}, and {live} {why}",
            cure=f"To see who is live     deployer status {live.service}",
        )


def _open_alone(ports: Ports, server: DatabaseServer, name: str, act: FencedAct) -> None:
    """Thaw, in a transaction that sees every other database of this ledger shut.

    An open one is served, or was: by whatever word, two never take writes at once.
    """
    claimed = claims(server.databases(), str(ports.managed.address))
    others = [one.info for one in claimed if one.info.memory is not None and one.info.name != name]
    for info in others:
        _refuse_taking_writes(info, name)
    prepared = server.prepare_thaw(name, act)
    try:
        for info in others:
            prepared.refuse_open(info.name)
        prepared.commit()
    finally:
        prepared.close()


def _refuse_taking_writes(info: DatabaseInfo, wanted: str) -> None:
    if info.memory is not None and info.memory.state is State.OPEN:
        raise Refused(
            f"{info.name} of {info.memory.deploy} takes writes: only the ledger says whether "
            f"it is the live one, or {wanted}",
            cure="Wait for the ledger",
        )


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
            raise _rolled_back(live, deploy)
        if deploy in begun and memory.state is State.SHUT:
            raise _rolled_back(live, deploy)


def _rolled_back(live: DeployId, target: DeployId) -> Refused:
    word = f"deployer thaw {live.service} --deployer-is-dead --not-moved {live}"
    return Refused(
        f"{live} was being rolled back to {target}: only the ledger says which of the two is live",
        cure="Wait for the ledger. If you have seen that clients are still led to the machines of\n"
        f"{live} (dig, or the load balancer's rule):\n{word}",
    )


def _shut_database(ports: Ports, server: DatabaseServer, owner: DeployId) -> DatabaseInfo:
    ledger = str(ports.managed.address)
    for claim in claims(server.databases(), ledger):
        info, memory = claim.info, claim.info.memory
        if memory and claim.deploy == owner and not claim.doubt:
            if memory.state is State.SHUT:
                return info
            raise Refused(
                f"{info.name} takes writes already: there is nothing to thaw",
                cure=f"Is it well?     deployer status {owner.service}",
            )
    raise CloudError(f"no database of {owner} is known on the server")
