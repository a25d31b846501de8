"""Whether clients reach machines by a DNS name other than the record (rules 12, 13 and 14).

Checked before a service is left without a live deploy, and before a ledger is written that had no
home: such a name may be the service's real one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from deployer.checks import refusals
from reconciler.errors import Refused
from reconciler.model.ledger_home import claimed_by
from reconciler.ports.service import ManagedService
from reconciler.sweep.name_listing import read_names


def refuse_claimed(managed: ManagedService, at: tuple[str, ...]) -> None:
    """Raise Refused if another ledger of the zone has the record or one of these addresses."""
    neighbours = managed.ledgers.neighbours(managed.address)
    taken = claimed_by(managed.address, at, neighbours)
    if taken is not None:
        raise taken


def refuse_served(
    managed: ManagedService, addresses: Iterable[str], command: str, but: Collection[str] = ()
) -> None:
    """Raise Refused if a name not in `but` holds an address; `command` is the refused command.

    Raises AccessDenied where the names cannot be listed.
    """
    names = read_names(managed).without(but)
    if names.problem:
        raise refusals.names_unread(managed.name, names, command)
    found = names.holding(addresses)
    if not found:
        return
    record, despite = managed.address.record, " ".join(f"--despite {one}" for one in found)
    listed = ", ".join(found)
    raise Refused(
        f"{listed} {'leads' if len(found) == 1 else 'lead'} to machines of {managed.name}: clients "
        f"come there, whatever {record} says",
        cure=(
            f"If that is the record of {managed.name}     write it in "
            f"services/{managed.name}.toml\n"
            f"If nobody is to come there     point {listed} elsewhere, or delete it, then   "
            f"{command}\n"
            f"If it means somebody else's machine, or is to be left   {command} {despite}"
        ),
    )
