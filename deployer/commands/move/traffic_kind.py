"""A move to another kind of traffic: which of a machine's addresses finds it then. Pure.

A record may name an Elastic IP; traffic that moves it leads to the private address of a machine.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.model.ledger import Ledger, Live, Via
from reconciler.model.reading import LedgerAddress, Reading
from reconciler.model.resource import INSTANCE, Resource
from reconciler.traffic.release_addresses import existing, via_of


def by_record(address: LedgerAddress) -> bool:
    """Whether the record leads to live: in the ledger's batch, or by its claim."""
    return all(route.endswith(f"/{address.record}") for route in address.traffic)


def as_traffic_finds_it(reading: Reading, live: Live, found: tuple[Resource, ...]) -> Live:
    """Live with the addresses by which the new kind of traffic finds it.

    Unchanged unless these addresses are one of each of live's machines.
    """
    at = reading.a.addresses if reading.a else ()
    machines = existing(one for one in found if one.kind == INSTANCE and one.deploy == live.id)
    held = {address for machine in machines for address in machine.addresses}
    via = via_of(at, machines) if held.issuperset(at) else None
    return replace(live, at=at, via=via) if at and via is not None else live


def found_alike(live: Live, ledger: Ledger) -> Ledger:
    """The ledger whose previous releases are found by the same kind of address as live.

    None of them keeps live's Elastic IP: the public address of each is another one.
    """
    via = Via.PUBLIC if live.via is Via.ELASTIC else live.via
    previous = tuple(
        replace(entry, via=via) if entry.via is not None and via is not None else entry
        for entry in ledger.previous
    )
    return replace(ledger, previous=previous)
