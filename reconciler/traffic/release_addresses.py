"""The addresses of a release, from its machines as they are described now. Pure.

The ledger has the addresses of live as text. Of a previous release it says only how many machines
there are and which address of each the record had (`Previous.count`, `via`): after a stop and start
an address that was written down may be a stranger's. Unknown is not empty: where not each of its
machines is described with such an address, the release's addresses are not known (rule 6).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, Live, Previous, Via
from reconciler.model.resource import Resource
from reconciler.model.tags import HELD_BY_ADOPTION

Machines = Mapping[DeployId, Sequence[Resource]]
"""The described machines of each deploy, proved to be its own."""

_ENDED = frozenset({"shutting-down", "terminated"})


def addresses_of(entry: Previous, machines: Iterable[Resource]) -> tuple[str, ...]:
    """The addresses that the record gets if `entry` becomes live again; () where unknown.

    `machines` are those of the deploy. An entry of an older ledger has its addresses as text: they
    count if the machines still hold all of them.
    """
    there = existing(machines)
    if entry.via is None:
        held = {address for machine in there for address in machine.addresses}
        return entry.at if held.issuperset(entry.at) else ()
    found = sorted(address for machine in there for address in _by(entry.via, machine)[:1])
    return tuple(found) if len(found) == entry.count == len(there) else ()


def lacks(entry: Previous, machines: Iterable[Resource]) -> str:
    """Why `addresses_of` knows no addresses, in words."""
    there = existing(machines)
    if entry.via is None:
        held = {address for machine in there for address in machine.addresses}
        return f"nobody of it holds {', '.join(sorted({*entry.at} - held))} any more"
    if len(there) != entry.count:
        return f"{len(there)} of its {entry.count} machines are there"
    bare = next((each.id for each in there if not _by(entry.via, each)), "")
    return f"{bare} has no {entry.via} address"


def existing(machines: Iterable[Resource]) -> list[Resource]:
    """Those that have not been terminated."""
    return [machine for machine in machines if machine.state not in _ENDED]


def _by(via: Via, machine: Resource) -> tuple[str, ...]:
    if via is Via.PRIVATE:
        return machine.private
    return machine.elastic if via is Via.ELASTIC else machine.public


def via_of(at: Collection[str], machines: Sequence[Resource]) -> Via | None:
    """Which address of each of these machines makes up `at`; None if no `Via` says it.

    If no machine holds any of these addresses, they were public: a stop and start changes no other.
    """
    for via in (Via.PRIVATE, Via.ELASTIC, Via.PUBLIC):
        found = [address for machine in machines for address in _by(via, machine)[:1]]
        if len(found) == len(machines) == len(at) and set(found) == set(at):
            return via
    held = {address for machine in machines for address in machine.addresses}
    return Via.PUBLIC if len(machines) == len(at) and held.isdisjoint(at) else None


def without_addresses(ledger: Ledger, machines: Machines) -> Ledger:
    """The ledger with `via` for each entry that an older version wrote, as far as it is known.

    A previous deploy loses its addresses by that, which makes room. For the first swap of a
    command that has described all machines: the change is part of that swap.
    """
    live = ledger.live
    if live is not None and live.via is None:
        live = _of_live(live, machines.get(live.id, ()))
    previous = tuple(_of_previous(entry, machines.get(entry.id, ())) for entry in ledger.previous)
    return replace(ledger, live=live, previous=previous)


def _of_live(live: Live, machines: Sequence[Resource]) -> Live:
    ids = live.ids or adopted_ids(machines)
    return replace(live, via=via_of(live.at, machines), ids=ids)


def _of_previous(entry: Previous, machines: Sequence[Resource]) -> Previous:
    via = via_of(entry.at, machines) if entry.via is None and entry.at else None
    if via is None:
        return entry
    ids = entry.ids or adopted_ids(machines)
    return replace(entry, at=(), ids=ids, count=len(entry.at), via=via)


def adopted_ids(machines: Iterable[Resource]) -> tuple[str, ...]:
    """The machines that no launch token proves: the ledger has to name them (rule 15)."""
    return tuple(sorted(each.id for each in machines if each.hold == HELD_BY_ADOPTION))
