"""Whether clients come to machines by another name than the record (rules 13 and 14).

Asked before nobody is live any more, and before a ledger is written that knew no home: the name may
be the one that the service really has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from deployer.checks import refusals
from reconciler.errors import Refused
from reconciler.ports.service import ManagedService
from reconciler.sweep.name_listing import read_names


def refuse_served(
    managed: ManagedService, addresses: Iterable[str], command: str, but: Collection[str] = ()
) -> None:
    """Raise Refused where a name, `but` for these, holds an address; `command` is what is refused.

    Raises AccessDenied where the names cannot be seen.
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
