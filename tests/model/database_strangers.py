"""Databases that people made of the service's: copies and restored backups, and people in them.

As the product's own listing says what each of them is, a rule of it that is broken shows here.
"""

from __future__ import annotations

from reconciler.database.inventory import as_resources
from reconciler.database.port import DatabaseInfo
from reconciler.database.state_comment import Memory, State
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import Resource
from tests.model import cast

FORGOTTEN = cast.deploy(20, "ggggg")
"""A release of long ago: the ledger does not name it."""

NAMES = ("a copy of now's database", "a backup of a forgotten one")
"""The first with its comment, the second without, and under the forgotten release's own name."""


def own(of: DeployId, *, is_open: bool) -> Resource:
    """The database of a deploy as the inventory lists it."""
    state = State.OPEN if is_open else State.SHUT
    name = of.database_name(cast.ADDRESS)
    memory = Memory(of, cast.ADDRESS, cast.EARLY, state=state, name=name, oid=_oid(of))
    return _listed(DatabaseInfo(name, "shop", None, memory, oid=_oid(of)))


def stranger(number: int, *, is_open: bool) -> Resource:
    """One that people made."""
    if number:
        name = FORGOTTEN.database_name(cast.ADDRESS)
        return _listed(DatabaseInfo(name, "dba", oid=_oid(FORGOTTEN)))
    now = cast.NOW.database_name(cast.ADDRESS)
    state = State.OPEN if is_open else State.SHUT
    memory = Memory(cast.NOW, cast.ADDRESS, cast.EARLY, state=state, name=now, oid=_oid(cast.NOW))
    return _listed(DatabaseInfo("audit", "dba", None, memory, oid=1))


def _oid(of: DeployId) -> int:
    return 16_384 + of.born.hour


def _listed(info: DatabaseInfo) -> Resource:
    (resource,) = as_resources([info], cast.HOME.service, cast.ADDRESS, cast.PLACE)
    return resource
