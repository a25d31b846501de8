"""Examines roles and large objects of a database, before a release creates anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from psycopg import Connection

from reconciler.database.findings import Findings
from reconciler.database.grants import Grant, On
from reconciler.database.postgres import activity, catalog


def examine(connection: Connection, roles: Sequence[str]) -> Findings:
    """`roles` is the application's role, then the role that the application logs in as."""
    missing = connection.execute(catalog.MISSING_ROLES, [list(roles)]).fetchall()
    members = connection.execute(catalog.MEMBERS, [roles[0]]).fetchall()
    return Findings(
        missing=frozenset(name for (name,) in missing),
        unbound=unbound(connection, roles),
        members=frozenset(name for (name,) in members),
        others=_others(connection, roles),
        large_objects=large_objects(connection),
        free=_names(connection, catalog.FREE_WRITERS, list(roles)),
        subscriptions=_names(connection, catalog.SUBSCRIPTIONS),
        policies=_names(connection, catalog.POLICIES, roles[0]),
        owners=_names(connection, catalog.OWNERS, roles[0]),
        powerless=_powerless(connection, roles[0]),
        extensions=_names(connection, activity.UNCREATABLE, roles[0]),
    )


def _powerless(connection: Connection, role: str) -> frozenset[str]:
    """What the admin lacks to act as a role, in GRANT's words. Up to 15 every member may SET."""
    may_set = "SET" if connection.info.server_version >= 160_000 else "MEMBER"
    words = {"USAGE": "INHERIT", may_set: "SET"}
    rows = connection.execute(activity.POWERLESS, [list(words), role]).fetchall()
    return frozenset(words[may] for (may,) in rows)


def unbound(connection: Connection, roles: Sequence[str]) -> dict[str, str]:
    """Those of the roles that write whatever the ACLs say, and why."""
    rows = connection.execute(catalog.UNBOUND, [list(roles)]).fetchall()
    return dict(rows)


def large_objects(connection: Connection) -> int:
    """How many there are, whatever the privileges to read them."""
    row = connection.execute(catalog.LARGE_OBJECTS).fetchone()
    return int(row[0]) if row else 0


def _names(connection: Connection, query: str, *given: object) -> frozenset[str]:
    return frozenset(name for (name,) in connection.execute(query.encode(), given).fetchall())


def _others(connection: Connection, roles: Sequence[str]) -> dict[str, frozenset[Grant]]:
    rows = connection.execute(catalog.OTHERS, [roles[0], list(roles)]).fetchall()
    found: defaultdict[str, set[Grant]] = defaultdict(set)
    for who, kind, path, may in rows:
        found[who].add(Grant(On(kind), tuple(path), who, may))
    return {who: frozenset(grants) for who, grants in found.items()}
