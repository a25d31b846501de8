"""A database as a resource: the kind that no AWS API lists, but that leaks as easily. Pure.

Its name proves whose it is; its memory says which deploy an adopted one served. It carries no
label: what protects it from an older ledger is the fence that its memory holds.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler import tags as t
from reconciler.database.memory import State, born_as
from reconciler.database.port import DatabaseInfo
from reconciler.deploy_id import DeployId
from reconciler.fence import NEVER
from reconciler.resource import DATABASE, Resource
from reconciler.tags import Label, Place

GIB = 1024**3


def as_resource(info: DatabaseInfo, service: str, ledger: str, place: Place) -> Resource | None:
    """The database as a thing of `service`; None where it is somebody else's.

    One that no deploy made, but that a deploy's memory claims, is held: it is never dropped.
    """
    born = born_as(info.name, ledger)
    deploy = born or _claimed(info, ledger)
    if deploy is None or deploy.service != service:
        return None
    tags = {
        t.ID: str(deploy),
        t.STATE: Label.PENDING.value,
        t.LEDGER: ledger,
        t.PART: t.part(DATABASE, place),
    }
    if born is None:
        tags[t.HOLD] = t.HELD_BY_ADOPTION
    elif info.memory is not None and info.memory.hold is not None:
        tags[t.HOLD] = info.memory.hold
    state = info.memory.state if info.memory else State.OPEN
    size = (info.size_bytes or 0) / GIB
    return Resource(
        DATABASE, info.name, place, tags, state=state.value, name=info.name, size_gb=size
    )


def _claimed(info: DatabaseInfo, ledger: str) -> DeployId | None:
    memory = info.memory
    return memory.deploy if memory is not None and memory.ledger == ledger else None


def highest_fence(infos: Iterable[DatabaseInfo], ledger: str) -> int:
    """The highest generation that a database of this ledger has obeyed."""
    mine = (one.memory for one in infos if one.memory and one.memory.ledger == ledger)
    return max((one.generation for one in mine), default=NEVER)
