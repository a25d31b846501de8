"""`deployer recover`: writes the ledger anew from the labels, when it was lost or is in doubt.

Everything is shown before anything is written. The new generation stands above every one that is
seen anywhere (the old text, the fences of databases and machines), so that no late act of an
earlier time is obeyed (rule 6).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deployer.ports import Ports
from reconciler import birth
from reconciler import tags as t
from reconciler.cloud import Reading
from reconciler.deploy_id import DeployId
from reconciler.errors import Refused, ToolError
from reconciler.ledger import Ledger, Live, Previous
from reconciler.ledger_text import LedgerTextError, decode
from reconciler.machine_acts import observe as observe_machine
from reconciler.managed import Managed
from reconciler.observe import World, list_databases, observe
from reconciler.resource import DATABASE, INSTANCE, Resource
from reconciler.tags import Label

_GEN = re.compile(r"\bgen=(\d{1,18})\b")


@dataclass(frozen=True)
class Recovery:
    """What was found, and the ledger that would be written. Shown, then carried out."""

    service: str
    reading: Reading
    old: Ledger | None
    new: Ledger
    found: tuple[str, ...]
    doubts: tuple[str, ...]


Confirm = Callable[[Recovery], bool]


def recover(ports: Ports, confirm: Confirm) -> Recovery:
    """Write the ledger from the labels after `confirm` has seen it. Raises Refused, CloudError."""
    managed = ports.managed
    world = observe([managed])
    reading = managed.ledgers.raw(managed.address)  # the ledger last (rule 2)
    wanted = _recovery(managed, world, reading)
    if not confirm(wanted):
        raise Refused("nothing was written")
    managed.ledgers.swap(reading, wanted.new, reading.a.addresses if reading.a else None)
    return wanted


def _recovery(managed: Managed, world: World, reading: Reading) -> Recovery:
    gaps = world.inventory.gaps
    if gaps:
        gap = gaps[0]
        raise gap.refusal(
            f"{gap.kind}s could not be read ({gap.reason}): nothing is written from half a picture",
            cure=gap.cure,
        )
    old = _decoded(reading)
    things = _things(managed, world)
    machines = {deploy: of_it for deploy, all_ in things.items() if (of_it := _machines_of(all_))}
    live = _live(machines, reading)
    previous = _previous(things, live, reading, old)
    rooted = {one.id for one in previous} | ({live.id} if live else set())
    kept = tuple(one for one in (old.kept if old else ()) if one.id not in rooted)
    gens, doubts = _generations(managed, machines, reading)
    new = Ledger(max(gens, default=0) + 1, live=live, previous=previous, kept=kept)
    found = tuple(_said(deploy, of_it) for deploy, of_it in sorted(things.items()))
    return Recovery(managed.name, reading, old, new, found, doubts)


def _decoded(reading: Reading) -> Ledger | None:
    try:
        return decode(reading.text) if reading.text else None
    except LedgerTextError:
        return None


def _things(managed: Managed, world: World) -> dict[DeployId, list[Resource]]:
    """The service's things in AWS by deploy: born of it, or adopted.

    Not the machines alone: an image whose machine is gone counts as lost until it is named.
    """
    known = birth.index(world.inventory.resources, managed.home.place)
    found: dict[DeployId, list[Resource]] = {}
    for one in world.inventory.resources:
        deploy = one.deploy
        if one.kind == DATABASE or deploy is None or deploy.service != managed.name:
            continue
        if one.tags.get(t.LEDGER) != str(managed.address):
            continue
        adopted = one.hold == t.HELD_BY_ADOPTION and not birth.copied(one, managed.home)
        if adopted or not birth.doubt(one, managed.home, known):
            found.setdefault(deploy, []).append(one)
    return found


def _machines_of(things: Iterable[Resource]) -> list[Resource]:
    return [one for one in things if one.kind == INSTANCE]


def _live(machines: dict[DeployId, list[Resource]], reading: Reading) -> Live | None:
    """The deploy that the A record names. Two, or one that is only part of it, is refused."""
    if reading.a is None:
        return None
    record = set(reading.a.addresses)
    named = [
        deploy
        for deploy, things in machines.items()
        if record & {address for one in things for address in one.addresses}
    ]
    if len(named) != 1:
        what = "no deploy" if not named else " and ".join(str(one) for one in named)
        raise Refused(
            f"the A record says {', '.join(reading.a.addresses)}, which {what} of the service "
            "holds: who is live is not to be told from that",
            cure="point the record at the machines of one deploy, or adopt the machine it names",
        )
    held = {address for one in machines[named[0]] for address in one.addresses}
    if not record <= held:
        raise Refused(f"{named[0]} holds only some of the addresses in the A record")
    return Live(named[0], reading.a.addresses)


def _previous(
    things: dict[DeployId, list[Resource]],
    live: Live | None,
    reading: Reading,
    old: Ledger | None,
) -> tuple[Previous, ...]:
    """Deploys that served once, newest first: kept, as the labels are all there is to say so.

    What the old text says of one is better than what can be guessed: that it was rejected, above
    all, or the next rollback would go back to it.
    """
    served = (Label.LIVE, Label.RETIRED)
    public = live is not None and _is_public(_machines_of(things[live.id]), live)
    found = [
        (old.find_previous(deploy) if old else None)
        or Previous(deploy, reading.now.replace(microsecond=0), _addresses(of_it, public=public))
        for deploy, of_it in things.items()
        if (live is None or deploy != live.id) and any(one.label in served for one in of_it)
    ]
    return tuple(sorted(found, key=lambda one: one.id.born, reverse=True))


def _is_public(machines: Iterable[Resource], live: Live) -> bool:
    """Whether the record holds the machines' public addresses: so it would hold another's."""
    return not set(live.at) & {address for one in machines for address in one.private}


def _addresses(things: Iterable[Resource], *, public: bool = False) -> tuple[str, ...]:
    """The addresses a record would have of these machines."""
    each = (one.public if public else one.private for one in _machines_of(things))
    return tuple(sorted(every[0] for every in each if every))


def _generations(
    managed: Managed, machines: dict[DeployId, list[Resource]], reading: Reading
) -> tuple[list[int], tuple[str, ...]]:
    """Every generation seen anywhere, and what could not be asked."""
    gens = [int(one) for one in _GEN.findall(reading.text)]
    databases = list_databases(managed)
    gens.append(databases.fence)
    doubts = [databases.gap.reason] if databases.gap else []
    for one in (thing for things in machines.values() for thing in things):
        try:
            gens.append(_generation_of(managed, one))
        except ToolError as error:
            doubts.append(f"{one.id} could not be asked for its generation: {error}")
    return gens, tuple(doubts)


def _generation_of(managed: Managed, machine: Resource) -> int:
    if managed.gate is None or machine.state != "running":
        return 0
    shell = managed.reach.shell(machine)
    try:
        return observe_machine(shell, managed.gate).generation
    finally:
        shell.close()


def _said(deploy: DeployId, things: list[Resource]) -> str:
    label = things[0].tags.get(t.STATE, "nothing")
    release = things[0].tags.get(t.RELEASE, "")
    where = ", ".join(_addresses(things))
    machines = len(_machines_of(things))
    return f"{deploy} {release} labelled {label}: {machines} machines, {where}"
