"""Updates the databases of a ledger with a new address: their memories name the new one.

Their names carry the hash of the old address. Another ledger made at the old address, once the
tombstone is gone, would find them by name, believe their memory, and drop them.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.database.identity import claims
from reconciler.database.port import DatabaseServer
from reconciler.database.state_comment import Memory
from reconciler.model.ledger import Ledger


def rename_ledger(server: DatabaseServer, service: str, ledger: Ledger, address: str) -> None:
    """Write `address` into every database that is proved to be this service's.

    Raises DatabaseError, AccessDenied; Refused where one was changed meanwhile.
    """
    for claim in claims(server.databases(), address, ledger.was):
        memory = claim.info.memory
        believed = not claim.doubt and claim.deploy.service == service
        if memory is not None and believed and memory.ledger in ledger.was:
            server.remember(claim.info, _moved(memory, address))


def _moved(memory: Memory, address: str) -> Memory:
    born = "" if memory.birthplace == address else memory.birthplace
    return replace(memory, ledger=address, born=born)
