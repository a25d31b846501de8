"""Grants and revokes sets of privileges, and reads those in force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier

from reconciler.database.grants import PRIVILEGES, Grant, GrantSet, On, grouped, normal
from reconciler.database.postgres import catalog

CHUNK = 500
"""Objects in one statement."""
Clause = tuple[Composable, Composable]
"""The privileges and the objects of one GRANT or REVOKE."""


def in_force(connection: Connection) -> frozenset[Grant]:
    """Every privilege to write in the connection's database, except those of superusers."""
    rows = connection.execute(catalog.WRITERS).fetchall()
    return normal(
        Grant(On(kind), tuple(path), to, may, grantable) for kind, path, to, may, grantable in rows
    )


def revoke(connection: Connection, grants: Iterable[Grant]) -> None:
    """Revokes these, and with CASCADE what their holders passed on.

    If the admin is not a member of an object's owner, PostgreSQL only warns: the caller checks
    afterwards what is in force.
    """
    for grant_set in grouped(grants):
        for may, target in _clauses(connection, grant_set):
            text = SQL("REVOKE {} ON {} FROM {} CASCADE")
            connection.execute(text.format(may, target, role_name(grant_set.to)))


def grant(connection: Connection, grants: Iterable[Grant]) -> None:
    """Grants these; harmless if they are in force already."""
    for grant_set in grouped(grants):
        option = SQL(" WITH GRANT OPTION" if grant_set.grantable else "")
        for may, target in _clauses(connection, grant_set):
            text = SQL("GRANT {} ON {} TO {}{}")
            connection.execute(text.format(may, target, role_name(grant_set.to), option))


def possible(connection: Connection, grants: Iterable[Grant]) -> frozenset[Grant]:
    """Those whose object and role still exist."""
    wanted = frozenset(grants)
    rows = connection.execute(catalog.OBJECTS).fetchall()
    objects = {(On(kind), tuple(path)) for kind, path in rows} | {(On.DATABASE, ())}
    roles = [[grant.to for grant in wanted if grant.to]]
    gone = {name for (name,) in connection.execute(catalog.MISSING_ROLES, roles).fetchall()}
    return frozenset(
        grant for grant in wanted if (grant.on, grant.path) in objects and grant.to not in gone
    )


def role_name(name: str) -> Composable:
    """A role in a GRANT or REVOKE; '' is everybody."""
    return Identifier(name) if name else SQL("PUBLIC")


def _clauses(connection: Connection, grant_set: GrantSet) -> Iterator[Clause]:
    """As few statements as PostgreSQL allows."""
    words, paths = [_WORDS[may] for may in grant_set.may], grant_set.paths
    if grant_set.on is On.DATABASE:
        yield SQL(", ").join(words), SQL("DATABASE {}").format(Identifier(connection.info.dbname))
    elif grant_set.on is On.COLUMN:
        for *table, column in paths:
            may = SQL(", ").join(SQL("{} ({})").format(word, Identifier(column)) for word in words)
            yield may, SQL("TABLE {}").format(Identifier(*table))
    else:
        for start in range(0, len(paths), CHUNK):
            names = SQL(", ").join(Identifier(*path) for path in paths[start : start + CHUNK])
            yield SQL(", ").join(words), _KINDS[grant_set.on].format(names)


_WORDS = {word: SQL(word) for word in sorted(PRIVILEGES | {"SELECT", "REFERENCES", "TRIGGER"})}
_KINDS = {On.TABLE: SQL("TABLE {}"), On.SEQUENCE: SQL("SEQUENCE {}"), On.SCHEMA: SQL("SCHEMA {}")}
