"""The live database, opened again by whoever shut it and has just ended its own lease.

The first act of every undo: clients wait for writes, and nobody waits for the rest. A sweep would
do the same, after it has looked at everything.
"""

from __future__ import annotations

from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Ledger
from reconciler.ports.service import ManagedService


def open_again(managed: ManagedService, ledger: Ledger, database: str, live: DeployId) -> bool:
    """Thaw `database`, which is that of `live`, with the generation that ended the lease.

    So a late freeze of our own finds itself refused. False, and nothing is done, where somebody
    holds the lease, or another deploy is live: it is previous now, and stays shut. Raises what
    the server raises.
    """
    if ledger.live is None or ledger.live.id != live or ledger.lease is not None:
        return False
    server = managed.reach.databases()
    if server is None:
        return False
    address = str(managed.address)
    server.thaw(database, FencedAct(ledger.gen, live, address, ledger.was))
    return True
