"""Drops a database: only one that is proved to be ours, never under the sessions of others.

DROP DATABASE runs in no transaction. So the database is checked just before, in the same
session, and its absence just after. Without FORCE the server itself refuses while anybody is
connected, so that no session that began in between is ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from psycopg import Connection, errors
from psycopg.sql import SQL, Identifier

from reconciler.database import identity
from reconciler.database.postgres import activity, catalog, comment_store
from reconciler.errors import DatabaseError, Refused
from reconciler.model.fencing import FencedAct
from reconciler.util.backoff import Backoff

Inside = Callable[[], AbstractContextManager[Connection]]
"""A session with the database that is to be dropped."""

PATIENCE = Backoff(first=0.1, longest=1.0, deadline=15.0)
"""A connection pool reconnects after its sessions are ended; each DROP also waits 5 s."""


def drop(
    connection: Connection, name: str, act: FencedAct, ours: Sequence[str], inside: Inside
) -> None:
    """See `DatabaseServer.drop`. The connection is with the maintenance database."""
    busy: errors.ObjectInUse | None = None
    for _ in PATIENCE.attempts():
        infos = comment_store.listed(connection, catalog.COMMENTS)
        if name not in {info.name for info in infos}:
            _refuse_template(connection, name)
            return
        claim = identity.proved(name, infos, act)
        _refuse_slots(connection, name)
        _end_sessions(connection, name, () if claim.making else ours)
        if claim.making:
            _refuse_content(name, inside)
        try:
            connection.execute(SQL("DROP DATABASE IF EXISTS {}").format(Identifier(name)))
        except errors.ObjectInUse as error:
            busy = error
            continue
        _see_gone(connection, name, claim.info.oid)
        return
    raise Refused(
        f"database {name} is in use again and again: stop what connects to it ({busy})",
        cure=f"Then     reconciler sweep --service {act.deploy.service}",
    ) from busy


def _refuse_template(connection: Connection, name: str) -> None:
    """Our lists skip templates: people made the database a template, so it is not gone."""
    row = connection.execute(catalog.EXISTS, [name]).fetchone()
    if row and row[0]:
        raise Refused(
            f"database {name} was made a template: it is not dropped",
            cure=f"If it may go:  ALTER DATABASE {name} IS_TEMPLATE false",
        )


def _refuse_slots(connection: Connection, name: str) -> None:
    """A paused replication reader has no session, and its place in the stream would be lost."""
    slots = [str(slot) for (slot,) in connection.execute(activity.SLOTS, [name]).fetchall()]
    if slots:
        raise Refused(
            f"database {name} has the replication slot {', '.join(slots)}: who reads by it would "
            "lose its place",
            cure="If nobody does any more:  "
            + "; ".join(f"SELECT pg_drop_replication_slot('{slot}')" for slot in slots),
        )


def _end_sessions(connection: Connection, name: str, ours: Sequence[str]) -> None:
    roles = [*ours, connection.info.user]
    rows = connection.execute(catalog.SESSIONS, [name]).fetchall()
    others = [f"{role} (pid {pid}, {app})" for pid, role, app in rows if role not in roles]
    if others:
        raise Refused(identity.in_use(name, others))
    try:
        connection.execute(catalog.END_SESSIONS, [name, roles])
    except errors.InsufficientPrivilege as error:
        raise Refused(
            f"database {name} is in use, and the admin may not end the sessions of "
            f"{', '.join(sorted({row[1] for row in rows}))}: grant it these roles, or "
            "pg_signal_backend"
        ) from error


def _refuse_content(name: str, inside: Inside) -> None:
    with inside() as session:
        row = session.execute(catalog.CONTENT).fetchone()
    if row is None or row[0]:
        raise Refused(identity.not_empty(name))


def _see_gone(connection: Connection, name: str, oid: int) -> None:
    left = [info for info in comment_store.listed(connection, catalog.COMMENTS) if info.oid == oid]
    if left:
        raise DatabaseError(f"database {name} was dropped, yet it is still there: {left[0].name}")
