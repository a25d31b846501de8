"""The last act of a move: whatever names a former address of the ledger gets the new one."""

from __future__ import annotations

from dataclasses import replace

from deployer.ports import Ports
from reconciler.database.identity import claims
from reconciler.database.port import DatabaseServer
from reconciler.model import tags as t
from reconciler.model.ledger import Ledger
from reconciler.model.resource import APART, TARGET_GROUP, Resource

BATCH = 500
"""The maximum number of resources in one CreateTags call (aws.md §1)."""


def retag(ports: Ports, resources: tuple[Resource, ...], ledger: Ledger) -> None:
    """Write the new ledger's address on resources that name a former one, databases included.

    `was` covers them for this service; but another service may use the old address some day.
    """
    new = str(ports.managed.address)
    former = [one for one in resources if one.tags[t.LEDGER] in ledger.was]
    groups = [one.id for one in former if one.kind == TARGET_GROUP]
    if groups:
        ports.managed.traffic.tag(groups, {t.LEDGER: new})
    old = [one.id for one in former if one.kind not in (*APART, TARGET_GROUP)]
    for start in range(0, len(old), BATCH):
        ports.compute.tag(old[start : start + BATCH], {t.LEDGER: new})
    if ports.service.database is not None:
        rename_ledger(ports.managed.reach.databases(), ports.managed.name, ledger, new)


def rename_ledger(server: DatabaseServer, service: str, ledger: Ledger, address: str) -> None:
    """Write `address` into the memory of every database that is proved to be this service's.

    Their names carry the hash of the old address. Another ledger made at the old address, once the
    tombstone is gone, would find them by name, believe their memory, and drop them. Raises
    DatabaseError, AccessDenied; Refused where one was changed meanwhile.
    """
    for claim in claims(server.databases(), address, ledger.was):
        memory = claim.info.memory
        believed = not claim.doubt and claim.deploy.service == service
        if memory is not None and believed and memory.ledger in ledger.was:
            born = "" if memory.birthplace == address else memory.birthplace
            server.remember(claim.info, replace(memory, ledger=address, born=born))
