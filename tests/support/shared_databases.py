"""Ledgers whose deploys share databases (ADR 23), for property tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Kept, Ledger, Live, Previous
from reconciler.model.resource import DATABASE, Resource

Entry = TypeVar("Entry", Live, Previous, Kept)


def shared(ledger: Ledger, owners: Mapping[DeployId, DeployId]) -> Ledger:
    """The ledger in which each of these deploys uses the database of another one.

    As the transitions do it: an owner that the ledger names uses its own, and a lease has no `db`.
    """
    served = {entry.id for entry in (ledger.live, *ledger.previous, *ledger.kept) if entry}
    users = {one: owner for one, owner in owners.items() if one in served and one != owner}
    users = {one: owner for one, owner in users.items() if owner not in users}

    def using(entry: Entry) -> Entry:
        return replace(entry, db=users.get(entry.id))

    return replace(
        ledger,
        live=using(ledger.live) if ledger.live else None,
        previous=tuple(map(using, ledger.previous)),
        kept=tuple(map(using, ledger.kept)),
    )


def users(ledger: Ledger, database: Resource) -> set[DeployId]:
    """The rooted deploys that use a database, said in other words than the product's."""
    owner, entries = database.deploy, (ledger.live, *ledger.previous, *ledger.kept)
    said = {entry.id: entry.db or entry.id for entry in entries if entry is not None}
    said |= {ledger.lease.id: ledger.lease.id} if ledger.lease else {}
    return {deploy for deploy, of in said.items() if of == owner}


def databases(resources: tuple[Resource, ...]) -> list[Resource]:
    """The databases among them."""
    return [one for one in resources if one.kind == DATABASE]
