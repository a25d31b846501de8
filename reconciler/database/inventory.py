"""A database as a resource: no AWS API lists it, but it leaks as easily. Pure.

Name and state comment prove who owns it; for an adopted database, the comment names the deploy that
it served. It has no label: the fence in its comment protects it from an older ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.database.identity import Claim, claims
from reconciler.database.port import DatabaseInfo
from reconciler.database.state_comment import State
from reconciler.model import tags as t
from reconciler.model.fencing import NEVER
from reconciler.model.resource import DATABASE, MAKING, BillingTerms, Resource
from reconciler.model.tags import AccountRegion, Label

GIB = 1024**3


def as_resources(
    infos: Iterable[DatabaseInfo], service: str, ledger: str, place: AccountRegion, server: str = ""
) -> tuple[Resource, ...]:
    """The databases of `service`, and those that seem to be of it: these with a doubt.

    `infos` are all databases of the server `server`, HOST:PORT.

    Also those whose comment names another ledger: it may be a former address of this one, which
    only the ledger knows, and that is read later (rule 2).
    """
    infos = tuple(infos)
    whole = _gb_of(infos)
    mine = [claim for claim in claims(infos, ledger) if claim.deploy.service == service]
    found = [_resource(claim, ledger, place) for claim in mine]
    names = {claim.info.name for claim in mine}
    infos = tuple(info for info in infos if info.name not in names)
    for other in sorted({info.memory.ledger for info in infos if info.memory} - {ledger}):
        theirs = (claim for claim in claims(infos, other) if claim.deploy.service == service)
        found += [_resource(claim, other, place) for claim in theirs if _names(claim, other)]
    terms = BillingTerms(server=server, server_gb=whole)
    return tuple(replace(resource, billing=terms) for resource in found)


def _gb_of(infos: Iterable[DatabaseInfo]) -> float:
    """The size of all databases; 0 if one of them may not be measured."""
    sizes = [info.size_bytes for info in infos]
    return 0 if None in sizes else sum(size or 0 for size in sizes) / GIB


def _names(claim: Claim, ledger: str) -> bool:
    memory = claim.info.memory
    return memory is not None and memory.ledger == ledger


def _resource(claim: Claim, ledger: str, place: AccountRegion) -> Resource:
    """A database that no deploy created, but with a valid claim, is held: never dropped."""
    info = claim.info
    tags = {
        t.ID: str(claim.deploy),
        t.STATE: Label.PENDING.value,
        t.LEDGER: ledger,
        t.PART: t.part(DATABASE, place),
    }
    if not claim.born and not claim.doubt:
        tags[t.HOLD] = t.HELD_BY_ADOPTION
    elif info.memory is not None and info.memory.hold is not None:
        tags[t.HOLD] = info.memory.hold
    state = info.memory.state.value if info.memory else State.OPEN.value
    return Resource(
        DATABASE,
        info.name,
        place,
        tags,
        state=MAKING if claim.making else state,
        name=info.name,
        size_gb=(info.size_bytes or 0) / GIB,
        doubt=claim.doubt,
        since=info.memory.at if info.memory else None,
    )


def highest_fence(infos: Iterable[DatabaseInfo], ledger: str) -> int:
    """The highest generation that a database of this ledger has obeyed."""
    return fences(infos).get(ledger, NEVER)


def fences(infos: Iterable[DatabaseInfo]) -> dict[str, int]:
    """The highest generation that databases have obeyed, by the ledger that they name."""
    found: dict[str, int] = {}
    for memory in (info.memory for info in infos if info.memory):
        found[memory.ledger] = max(memory.generation, found.get(memory.ledger, NEVER))
    return found
