"""`deployer recover SERVICE --database NAME`: says which database belongs to a deploy.

Restores and upgrades change a database's oid, people rename and copy: then its memory no longer
names it, and the service is unknown (rule 15). The owner says which one it is; everything is shown
before a memory is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from deployer.checks import refusals
from deployer.checks.database_access import live_database
from deployer.ports import Ports
from reconciler.database import state_comment as m
from reconciler.database.findings import nothing_to_give_back
from reconciler.database.identity import Claim, claims
from reconciler.database.inventory import highest_fence
from reconciler.database.port import DatabaseInfo
from reconciler.database.state_comment import Memory, State, born_as
from reconciler.errors import DatabaseError, Refused
from reconciler.gc.verdict import role
from reconciler.model import ledger as ledgers
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger
from reconciler.model.ledger_home import own
from reconciler.model.reading import LedgerAddress, Reading
from reconciler.ports.service import ManagedService


@dataclass(frozen=True)
class Rewriting:
    """The memory that a database would get, and its competitors.

    role    the role of the deploy in the ledger
    doubt   why it was not accepted before; '' where it was
    beside  the other databases that are, or claim to be, the same deploy's
    """

    service: str
    database: DatabaseInfo
    memory: Memory
    role: str
    doubt: str
    beside: tuple[Claim, ...]

    @property
    def disowned(self) -> tuple[DatabaseInfo, ...]:
        """Those in `beside` that are accepted, or would be under another name."""
        return tuple(one.info for one in self.beside if _may_be_believed(one.info))


Confirm = Callable[[Rewriting], object]
"""Shows it and asks the user; raises for a no."""


def recover_database(ports: Ports, name: str, confirm: Confirm) -> Rewriting:
    """Make `name` the database of its deploy after `confirm` has accepted it. Raises Refused."""
    server = ports.managed.reach.databases()
    infos = server.databases()
    reading = ports.managed.ledgers.read(ports.managed.address)  # the ledger last (rule 2)
    again = f"deployer recover {ports.managed.name} --database {name}"
    ledger = _known(reading, highest_fence(infos, str(reading.address)), again)
    wanted = _rewriting(ports.managed, infos, name, reading, ledger)
    sealed = wanted.memory.state is State.SHUT and not wanted.memory.acls
    if sealed and _is_lives(ledger, wanted.memory.deploy):
        raise nothing_to_give_back(name, ", ".join(ports.managed.app_roles), again)
    _refuse_unused(ports, wanted, ledger, infos)
    confirm(wanted)
    # The others first: if interrupted, no database is accepted, and the service stays unknown.
    for one in wanted.disowned:
        assert one.memory is not None  # for the type checker
        server.remember(one, replace(one.memory, name=one.name, oid=0))
    server.remember(wanted.database, wanted.memory)
    return wanted


def _refuse_unused(
    ports: Ports, wanted: Rewriting, ledger: Ledger, infos: Sequence[DatabaseInfo]
) -> None:
    """A database with no sign of ours becomes live's only where live's own env file names it.

    A mistyped name is likely: the next release would close a foreign database, and live's own would
    belong to no deploy.
    """
    address, name = str(ports.managed.address), wanted.database.name
    signs = {claim.info.name for claim in claims(infos, address, ledger.was)}
    if name in signs or not any(not one.doubt for one in wanted.beside):
        return
    used = live_database(ports, ledger)
    if used != name:
        raise _no_sign(ports, wanted, used)


def _no_sign(ports: Ports, wanted: Rewriting, used: str) -> Refused:
    return Refused(
        f"nothing says that database {wanted.database.name} is that of {wanted.memory.deploy}: it "
        f"has neither its name nor its memory, and live's env file names {used or 'none'}",
        cure="If it is to take its place: lead live to it first, in "
        f"{ports.service.app.env_file or 'its env file'}",
    )


def _known(reading: Reading, fence: int, again: str) -> Ledger:
    """The ledger, which must have no lease: a release changes databases under its lease."""
    ledger, service = reading.ledger, reading.address.service
    if not ledger.exists or ledger.gen < fence:
        raise Refused(
            f"the ledger of {service} is missing or older than it should be: whose a database can "
            "be is not known",
            cure=f"To write it anew      deployer recover {service}",
        )
    if ledger.left is not None:
        raise refusals.gone(service, ledger.left)
    _refuse_leased(service, reading, again)
    return ledger


def _refuse_leased(service: str, reading: Reading, again: str) -> None:
    """`abort` is not offered: while the database is in doubt it is refused, and leads back here."""
    lease = reading.ledger.lease
    if lease is not None and not ledgers.expired(lease, reading.now):
        raise Refused(
            f"{service} is being changed by {lease.id}, in `{lease.step}`",
            cure=f"Once it has ended          {again}\n"
            f"If its deployer is dead    deployer recover {service} --end-lease",
        )


def _rewriting(
    managed: ManagedService,
    infos: Sequence[DatabaseInfo],
    name: str,
    reading: Reading,
    ledger: Ledger,
) -> Rewriting:
    info = next((one for one in infos if one.name == name), None)
    if info is None:
        raise DatabaseError(
            f"there is no database {name} on the server that admin leads to",
            cure="see what there is with psql, and check database.admin",
        )
    address = reading.address
    every = claims(infos, str(address), ledger.was)
    deploy = _deploy(info, address, ledger)
    act = managed.fenced_act(ledger.gen, deploy, ledger.was)
    before = info.memory or m.first(info.foreign, act, name, reading.now)
    memory = _anew(m.admitted(before, act, name), info, deploy)
    live, user = _is_lives(ledger, deploy), ledger.user_of(deploy)
    return Rewriting(
        address.service,
        info,
        _as_it_is(memory, live=live, writable=bool(managed.reach.databases().writers(name))),
        (user and role(ledger, user)) or "",
        next((one.doubt for one in every if one.info is info), "it has no memory"),
        tuple(one for one in every if one.deploy == deploy and one.info is not info),
    )


def _deploy(info: DatabaseInfo, address: LedgerAddress, ledger: Ledger) -> DeployId:
    """The deploy of the database: by its name, its memory, else live's. Only one that is in use.

    A memory that no rooted deploy uses would make garbage of a database that people have restored.
    """
    named = (born_as(info.name, one) for one in own(str(address), ledger))
    born = next((one for one in named if one is not None), None)
    claimed = info.memory.deploy if info.memory else None
    live = ledger.database_of(ledger.live.id) if ledger.live else None
    deploy = born or (claimed if claimed and ledger.user_of(claimed) else live)
    if deploy is None or ledger.user_of(deploy) is None or deploy.service != address.service:
        raise Refused(
            f"database {info.name} would be that of {deploy or 'no deploy'}, which the ledger does "
            "not name: it is kept as it is",
            cure="If the app is to use it, give it another name first:  ALTER DATABASE … RENAME TO "
            f"…\nTo see who is named   deployer status {address.service}",
        )
    return deploy


def _is_lives(ledger: Ledger, owner: DeployId) -> bool:
    """Whether live uses the database of `owner`."""
    return ledger.live is not None and ledger.database_of(ledger.live.id) == owner


def _anew(memory: Memory, info: DatabaseInfo, deploy: DeployId) -> Memory:
    """The memory for this database. Counters are dropped: a restored database has others."""
    same = memory.oid == info.oid and memory.deploy == deploy
    baseline = memory.baseline if same else None
    return replace(memory, deploy=deploy, name=info.name, oid=info.oid, baseline=baseline)


def _as_it_is(memory: Memory, *, live: bool, writable: bool) -> Memory:
    """Closed or open, as its privileges are. Live's stays closed until a thaw restores them."""
    if not writable or (live and memory.state is State.SHUT):
        return replace(memory, state=State.SHUT)
    return replace(memory, state=State.OPEN, acls=frozenset())


def _may_be_believed(info: DatabaseInfo) -> bool:
    memory = info.memory
    return memory is not None and (memory.old or memory.oid == info.oid)
