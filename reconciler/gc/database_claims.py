"""Decides which database belongs to a deploy; in doubt, the service is unknown. Pure (rule 15).

A deploy that the ledger roots has one database without doubt, or no database. If there are two
without doubt, or only doubtful ones (restored, renamed, copied), only the owner knows which is
right.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from reconciler.gc.ownership import ServiceLocation
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger
from reconciler.model.resource import DATABASE, MAKING, Resource


class Dispute(NamedTuple):
    """Why a deploy's database is not known, and the command that settles it."""

    problem: str
    cure: str


def dispute(home: ServiceLocation, ledger: Ledger, resources: Iterable[Resource]) -> Dispute | None:
    """The first database in doubt that a rooted deploy uses; `resources` are the service's."""
    # Keyed by id: a caller that lists before and after may list a database twice.
    claims = {
        resource.id: resource
        for resource in resources
        if resource.kind == DATABASE and resource.state != MAKING
    }
    for deploy in _used(ledger) if claims else ():
        of_it = [claim for claim in claims.values() if claim.deploy == deploy]
        believed = [claim for claim in of_it if not claim.doubt]
        if of_it and len(believed) != 1:
            return _dispute(home, deploy, believed or of_it)
    return None


def _used(ledger: Ledger) -> list[DeployId]:
    used = {ledger.database_of(deploy) for deploy in ledger.rooted}
    if ledger.left is not None:
        used.discard(ledger.database_of(ledger.left.id))  # it has given up its memory
    return sorted(used)


def _dispute(home: ServiceLocation, deploy: DeployId, found: list[Resource]) -> Dispute:
    born = {deploy.database_name(address) for address in (home.ledger, *home.was)}
    found.sort(key=lambda claim: (claim.name not in born, claim.name))
    first = found[0]
    others = "".join(f", or {claim.name}" for claim in found[1:])
    why = first.doubt or "each remembers that it is"
    return Dispute(
        f"it is in doubt whether the database of {deploy} is {first.name}{others}: {why}",
        f"To say which it is     deployer recover {home.service} --database {first.name}",
    )
