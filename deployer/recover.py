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
from reconciler.resource import INSTANCE, Resource
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
        raise Refused(
            f"{gaps[0].kind}s could not be read ({gaps[0].reason}): nothing is written from half a "
            "picture"
        )
    old = _decoded(reading)
    machines = _machines(managed, world)
    live = _live(machines, reading)
    previous = _previous(machines, live, reading)
    gens, doubts = _generations(managed, machines, reading)
    new = Ledger(max(gens, default=0) + 1, live=live, previous=previous)
    found = tuple(_said(deploy, things) for deploy, things in sorted(machines.items()))
    return Recovery(managed.name, reading, old, new, found, doubts)


def _decoded(reading: Reading) -> Ledger | None:
    try:
        return decode(reading.text) if reading.text else None
    except LedgerTextError:
        return None


def _machines(managed: Managed, world: World) -> dict[DeployId, list[Resource]]:
    """The machines of the service by deploy: born of it, or adopted."""
    things = birth.index(world.inventory.resources, managed.home.place)
    found: dict[DeployId, list[Resource]] = {}
    for one in world.inventory.resources:
        deploy = one.deploy
        if one.kind != INSTANCE or deploy is None or deploy.service != managed.name:
            continue
        if one.tags.get(t.LEDGER) != str(managed.address):
            continue
        if one.hold == t.HELD_BY_ADOPTION or not birth.doubt(one, managed.home, things):
            found.setdefault(deploy, []).append(one)
    return found


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
    machines: dict[DeployId, list[Resource]], live: Live | None, reading: Reading
) -> tuple[Previous, ...]:
    """Deploys that served once, newest first: kept, as the labels are all there is to say so."""
    served = (Label.LIVE, Label.RETIRED)
    found = [
        Previous(deploy, reading.now.replace(microsecond=0), _addresses(things))
        for deploy, things in machines.items()
        if (live is None or deploy != live.id) and any(one.label in served for one in things)
    ]
    return tuple(sorted(found, key=lambda one: one.id.born, reverse=True))


def _addresses(things: Iterable[Resource]) -> tuple[str, ...]:
    return tuple(sorted(one.addresses[0] for one in things if one.addresses))


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
    return f"{deploy} {release} labelled {label}: {len(things)} machines, {where}"
