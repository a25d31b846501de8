"""`deployer recover`: rewrites the ledger from the labels, when it was lost or is in doubt.

Everything is shown before anything is written. The new generation is above every one that is seen
anywhere (the old text, the fences of databases and machines), so that no late act with an older one
is obeyed (rule 6). The deploy labelled live stays live, or nothing is written (rule 14).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from deployer.checks import refusals
from deployer.checks.other_names import refuse_claimed, refuse_served
from deployer.checks.served import seen_through
from deployer.checks.service_state import refuse_gaps
from deployer.commands.move.command import tagged
from deployer.commands.move.retagging import retag
from deployer.commands.recover import who_is_live
from deployer.commands.recover.damaged_text import salvaged
from deployer.commands.recover.who_is_live import machines_of
from deployer.ports import Ports
from deployer.unfinished import followed
from reconciler.errors import Refused, ToolError
from reconciler.gc import ownership
from reconciler.gc.ownership import ServiceLocation
from reconciler.machine.unit_control import observe as observe_machine
from reconciler.model import ledger as ledgers
from reconciler.model import ledger_home
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import NO_LEDGER, Lease, Ledger, Live, Previous
from reconciler.model.ledger_codec import LedgerTextError, decode
from reconciler.model.reading import Reading
from reconciler.model.resource import DATABASE, Resource, database_owner
from reconciler.model.tags import Label
from reconciler.ports.fleet import Fleet
from reconciler.ports.service import ManagedService
from reconciler.sweep.database_listing import list_databases
from reconciler.sweep.snapshot import Snapshot, observe
from reconciler.traffic.release_addresses import without_addresses

_GEN = re.compile(r"\bgen=(\d{1,18})\b")


@dataclass(frozen=True)
class Recovery:
    """What was found, and the ledger that would be written. Shown, then carried out.

    lease    the lease of a deploy that may still be running: it would be ended
    garbage  what the new ledger does not name: the next sweep collects it
    """

    service: str
    reading: Reading
    old: Ledger
    new: Ledger
    found: tuple[str, ...]
    doubts: tuple[str, ...]
    lease: Lease | None = None
    garbage: tuple[str, ...] = ()


Confirm = Callable[[Recovery], object]
"""Shows it and asks the user; raises for a no."""
Things = Mapping[DeployId, list[Resource]]


@dataclass(frozen=True)
class Word:
    """A user's assurances about facts that cannot be read.

    end_lease    the holder of an unexpired lease is dead
    nobody_live  the service is closed: its A record was removed on purpose
    replace      the deploy that is labelled live, where the record names a retired one
    """

    end_lease: bool = False
    nobody_live: bool = False
    replace: str = ""


NO_WORD = Word()


def recover(ports: Ports, confirm: Confirm, word: Word = NO_WORD) -> Recovery:
    """Write the ledger from the labels after `confirm` has accepted it.

    Raises Refused, LedgerUnknown, CloudError.
    """
    managed = ports.managed
    world = observe(Fleet.of(managed))
    reading = seen_through(ports, managed.ledgers.raw(managed.address))  # the ledger last (rule 2)
    wanted = _recovery(managed, world, reading, word)
    confirm(wanted)
    if wanted.lease is not None and not word.end_lease:
        raise _held(managed.name, wanted)
    pointed = reading.a.addresses if reading.a and managed.traffic.in_batch else None
    managed.ledgers.swap(reading, wanted.new, pointed)
    with followed(f"the ledger of {managed.name} is written", f"deployer recover {managed.name}"):
        managed.traffic.acknowledge()
        retag(ports, tagged(managed, world.inventory), wanted.new)
    return wanted


def _held(service: str, wanted: Recovery) -> Refused:
    lease = wanted.lease
    assert lease is not None
    return Refused(
        f"{lease.id} holds the lease until {lease.until:%H:%M:%S} UTC, in `{lease.step}`: it may "
        "be at work",
        detail="\n".join(f"garbage afterwards: {one}" for one in wanted.garbage),
        cure=(
            f"Wait until then, or if you know that it is dead:\n"
            f"deployer recover {service} --end-lease"
        ),
    )


def _recovery(managed: ManagedService, world: Snapshot, reading: Reading, word: Word) -> Recovery:
    refuse_gaps(world.inventory)
    old = _decoded(managed, reading)
    home = _home(managed, world, old)
    resources = _things(home, world)
    live = None
    if not (word.nobody_live and reading.a is None and not old.exists):  # closed on purpose
        live = who_is_live.live(managed.name, resources, reading, old, word.replace)
    live = replace(live, db=_shared(resources, live.id, old)) if live else None
    _refuse_led_to(managed, resources, old, live)
    refuse_claimed(managed, live.at if live else ())
    previous = _previous(resources, live, reading, old)
    rooted = {entry.id for entry in previous} | ({live.id} if live else set())
    kept = tuple(evidence for evidence in old.kept if evidence.id not in rooted)
    gens, doubts = _generations(managed, home, resources, reading)
    who_is_live.refuse_nothing(managed.name, reading, resources, max(gens, default=0))
    bare = Ledger(max(gens, default=0) + 1, live, previous, kept, was=home.was)
    machines = {deploy: machines_of(of_it) for deploy, of_it in resources.items()}
    new = without_addresses(ledger_home.settle(bare, managed.address), machines)
    return Recovery(
        managed.name,
        reading,
        old,
        new,
        tuple(_said(deploy, of_it) for deploy, of_it in sorted(resources.items())),
        (*_doubts_of_zone(home, old), *doubts),
        _living(old, reading),
        tuple(_said(one, resources[one]) for one in sorted(set(resources) - set(new.rooted))),
    )


def _decoded(managed: ManagedService, reading: Reading) -> Ledger:
    """The old ledger; NO_LEDGER if unreadable. Raises LedgerUnknown if it is another's."""
    try:
        ledger = decode(reading.text) if reading.text else NO_LEDGER
    except LedgerTextError:
        return salvaged(reading.text)
    if ledger.left is not None:
        raise refusals.gone(managed.name, ledger.left)
    return ledger_home.at_home(managed.address, ledger)


def _living(old: Ledger, reading: Reading) -> Lease | None:
    lease = old.lease
    return lease if lease is not None and not ledgers.expired(lease, reading.now) else None


def _refuse_led_to(managed: ManagedService, of: Things, old: Ledger, live: Live | None) -> None:
    """Where no ledger names the service's record, another name may be the real one (rule 12)."""
    if old.home is not None:
        return
    whose = [of[live.id]] if live else of.values()
    addresses = {address for of_it in whose for one in of_it for address in one.addresses}
    command = f"deployer recover {managed.name}{'' if live else ' --nobody-live'}"
    refuse_served(managed, addresses, command, managed.address.also)


def _home(managed: ManagedService, world: Snapshot, old: Ledger) -> ServiceLocation:
    """The place where the service's resources were created, with former ids of its hosted zone.

    A zone that is deleted and restored has a new id, and the same name.
    """
    name = managed.address.name
    known = {str(managed.address), *old.was}
    named = {one.tags[t.LEDGER] for one in tagged(managed, world.inventory)} - known
    restored = tuple(sorted(one for one in named if one.partition("/")[2] == name))
    return replace(managed.home, was=(*restored, *old.was))


def _doubts_of_zone(home: ServiceLocation, old: Ledger) -> Iterable[str]:
    for address in home.was:
        if address not in old.was:
            yield (
                f"hosted zone {address.partition('/')[0]} is taken for the same zone before it was "
                "restored: if it still exists, say no"
            )


def _things(home: ServiceLocation, world: Snapshot) -> Things:
    """The service's AWS resources by deploy: created by it, or adopted.

    Not the machines alone: an image whose machine is gone counts as lost until it is named.
    """
    known = ownership.index(world.inventory.resources, home.place)
    found: dict[DeployId, list[Resource]] = {}
    for resource in world.inventory.resources:
        deploy = resource.deploy
        if resource.kind == DATABASE or deploy is None or deploy.service != home.service:
            continue
        if not home.owns(resource.tags.get(t.LEDGER)):
            continue
        adopted = resource.hold == t.HELD_BY_ADOPTION and not ownership.copied(resource, home)
        if adopted or not ownership.doubt(resource, home, known):
            found.setdefault(deploy, []).append(resource)
    return found


def _previous(
    resources: Things, live: Live | None, reading: Reading, old: Ledger
) -> tuple[Previous, ...]:
    """Deploys that served once, newest first: kept, since only the labels show that they did.

    An entry of the old ledger is better than a guess: above all it says `rejected`, without which
    the next rollback would choose that deploy.
    """
    served = (Label.LIVE, Label.RETIRED)
    public = live is not None and _is_public(machines_of(resources[live.id]), live)
    now = reading.now.replace(microsecond=0)
    guesses = (
        Previous(deploy, now, _addresses(of_it, public=public), db=_shared(resources, deploy, old))
        for deploy, of_it in resources.items()
        if (live is None or deploy != live.id) and any(one.label in served for one in of_it)
    )
    found = (_entry(old, guess) for guess in guesses)
    return tuple(sorted(found, key=lambda one: one.id.born, reverse=True))


def _shared(resources: Things, deploy: DeployId, old: Ledger) -> DeployId | None:
    """The other deploy whose database it uses: by the tag first, as `old` may lack the commit."""
    owner = database_owner(machines_of(resources[deploy]), deploy)
    owner = old.database_of(deploy) if owner == deploy else owner
    return None if owner == deploy else owner


def _entry(old: Ledger, guess: Previous) -> Previous:
    """The old ledger's entry; of a damaged text only when it was retired, and `rejected`."""
    known = old.find_previous(guess.id)
    if known is None or old.exists:
        return known or guess
    return replace(guess, retired=known.retired, rejected=known.rejected)


def _is_public(machines: Iterable[Resource], live: Live) -> bool:
    """Whether the record holds the machines' public addresses: so it would hold another's."""
    return not set(live.at) & {address for machine in machines for address in machine.private}


def _addresses(resources: Iterable[Resource], *, public: bool = False) -> tuple[str, ...]:
    """The addresses of these machines that the record would hold."""
    each = (one.public if public else one.private for one in machines_of(resources))
    return tuple(sorted(every[0] for every in each if every))


def _generations(
    managed: ManagedService, home: ServiceLocation, resources: Things, reading: Reading
) -> tuple[list[int], tuple[str, ...]]:
    """Every generation seen anywhere, and what could not be read."""
    gens = [int(one) for one in _GEN.findall(reading.text)]
    databases = list_databases(managed)
    gens.append(databases.fence((home.ledger, *home.was)))
    doubts = [databases.gap.reason] if databases.gap else []
    for one in (machine for of_it in resources.values() for machine in machines_of(of_it)):
        try:
            gens.append(_generation_of(managed, one))
        except ToolError as error:
            doubts.append(f"{one.id} could not be asked for its generation: {error}")
    return gens, tuple(doubts)


def _generation_of(managed: ManagedService, machine: Resource) -> int:
    if managed.gate is None or machine.state != "running":
        return 0
    shell = managed.reach.shell(machine)
    try:
        return observe_machine(shell, managed.gate).generation
    finally:
        shell.close()


def _said(deploy: DeployId, resources: list[Resource]) -> str:
    label = resources[0].tags.get(t.STATE, "nothing")
    release = resources[0].tags.get(t.RELEASE, "")
    where = ", ".join(_addresses(resources))
    machines = len(machines_of(resources))
    return f"{deploy} {release} labelled {label}: {machines} machines, {where}"
