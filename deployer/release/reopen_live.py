"""Reopens the live database, for the release that closed it and has just ended its own lease.

This is the first act of every undo: clients are waiting for writes, and nothing else is urgent. A
sweep would do the same, but only after a full scan.
"""

from __future__ import annotations

from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger
from reconciler.ports.service import ManagedService


def open_again(managed: ManagedService, ledger: Ledger, database: str, live: DeployId) -> bool:
    """Thaw `database`, which `live` uses, with the generation that ended the lease.

    So a late freeze of our own is refused. Returns False and does nothing where somebody holds the
    lease, or another deploy is live: the database is then a previous one and stays closed. Raises
    what the server raises.
    """
    if ledger.live is None or ledger.live.id != live or ledger.lease is not None:
        return False
    act = managed.fenced_act(ledger.gen, ledger.database_of(live), ledger.was)
    managed.reach.databases().thaw(database, act)
    return True
