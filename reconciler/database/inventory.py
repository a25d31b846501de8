"""A database as a resource: the kind that no AWS API lists, but that leaks as easily. Pure.

Name and memory prove whose it is; the memory says which deploy an adopted one served. It carries no
label: what protects it from an older ledger is the fence that its memory holds.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler import tags as t
from reconciler.database.memory import State
from reconciler.database.port import DatabaseInfo
from reconciler.database.whose import Claim, claims
from reconciler.fence import NEVER
from reconciler.resource import DATABASE, MAKING, Resource
from reconciler.tags import Label, Place

GIB = 1024**3


def as_resources(
    infos: Iterable[DatabaseInfo], service: str, ledger: str, place: Place
) -> tuple[Resource, ...]:
    """The databases that are things of `service`, or pass for ones: these with a doubt."""
    found = (one for one in claims(infos, ledger) if one.deploy.service == service)
    return tuple(_resource(one, ledger, place) for one in found)


def _resource(claim: Claim, ledger: str, place: Place) -> Resource:
    """One that no deploy made, but that a memory rightly claims, is held: it is never dropped."""
    info = claim.info
    tags = {
        t.ID: str(claim.deploy),
        t.STATE: Label.PENDING.value,
        t.LEDGER: ledger,
        t.PART: t.part(DATABASE, place),
    }
    if not claim.born and not claim.doubt:
        tags[t.HOLD] = t.HELD_BY_ADOPTION
    said = info.memory.state.value if info.memory else State.OPEN.value
    return Resource(
        DATABASE,
        info.name,
        place,
        tags,
        state=MAKING if claim.making else said,
        name=info.name,
        size_gb=(info.size_bytes or 0) / GIB,
        doubt=claim.doubt,
    )


def highest_fence(infos: Iterable[DatabaseInfo], ledger: str) -> int:
    """The highest generation that a database of this ledger has obeyed."""
    mine = (one.memory for one in infos if one.memory and one.memory.ledger == ledger)
    return max((one.generation for one in mine), default=NEVER)
