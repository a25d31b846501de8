"""Shuts and thaws a database: one transaction each.

Shut means that no write of the service's roles can commit. A read-only default would be advisory:
drivers and BEGIN READ WRITE override it. So the privileges themselves are revoked, the owner's
included, while SHARE locks hold every table: open writers have ended, and a session that waits to
write is checked again after the wait, and is refused. Open sessions continue to read.

What a freeze does not stop: what an owner may always do (DDL, granting itself a privilege again,
TRUNCATE by way of DROP, REFRESH MATERIALIZED VIEW, ALTER SEQUENCE … RESTART), code that runs as a
superuser (SECURITY DEFINER functions, a superuser's views and subscriptions) and large objects,
which every role may create. `schema_digest` shows the first and a new large object until commit;
writes into an existing one do not show, so a database that has any is refused before.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from psycopg import Connection, Error, errors
from psycopg.sql import SQL, Identifier

from reconciler.database import findings
from reconciler.database import state_comment as m
from reconciler.database.grants import Grant, On
from reconciler.database.port import Shut, Thawed
from reconciler.database.postgres import catalog, comment_store, privileges, roles
from reconciler.database.postgres.connection import speaking
from reconciler.database.state_comment import State
from reconciler.errors import DatabaseError
from reconciler.model.fencing import FencedAct
from reconciler.util.humanize import span

FIRST_PATIENCE = 0.8
"""Seconds of the first wait for open writers; each further one is twice as long.

Below PostgreSQL's deadlock_timeout (1 s), so that live is not disturbed: a writer that queues
behind our lock is released before the server looks for a deadlock and kills it in our favour.
Only a freeze that has to wait long for an open transaction takes that risk.
"""

BRIEF = 10.0
"""Seconds that anything but the wait for writers may take to get a lock."""

IDLE = 30.0
"""Seconds after which the server gives up a transaction whose client says nothing.

Said to each transaction, beside the session's own: a pooler may give a transaction another session.
"""

_LIMITS = """\
SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true),
  set_config('idle_in_transaction_session_timeout', %s, true)"""
"""For this transaction alone, in one statement."""

_BUSY = (
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.DeadlockDetected,
    errors.UndefinedTable,  # dropped between the list and the lock: list again
)


def shut(connection: Connection, act: FencedAct, app_roles: Sequence[str], max_wait: float) -> Shut:
    """Freeze the connection's database; waits for open writers, in growing attempts."""
    deadline = monotonic() + max_wait
    patience = FIRST_PATIENCE
    while True:
        wait = max(0.001, min(patience, deadline - monotonic()))
        try:
            with connection.transaction():
                return _shut_once(connection, act, app_roles, wait)
        except _BUSY as error:
            if monotonic() >= deadline:
                raise _gave_up(connection, max_wait) from error
        patience *= 2


def thaw(connection: Connection, act: FencedAct) -> Thawed:
    """Grants again what the freeze revoked; a table or role that no longer exists is skipped."""
    with connection.transaction():
        _limit(connection, BRIEF)
        memory = comment_store.admitted(connection, act)
        given = privileges.possible(connection, memory.acls)
        privileges.grant(connection, given)
        in_force = privileges.in_force(connection)
        if not given <= in_force or not in_force:
            raise _still_shut(connection, given - in_force)
        comment_store.write(
            connection, connection.info.dbname, m.opened(memory, comment_store.now(connection))
        )
    return Thawed(given, memory.acls - given)


class ThawTransaction:
    """A thaw whose transaction is open on a session of its own: COMMIT is missing.

    For a rollback, while whose writes are refused. Nobody sees it before, and the server gives it
    up if this process sleeps (`IDLE`). It holds the lock of the acts on this
    database: whoever acts with a newer generation comes after it.
    """

    def __init__(self, connection: Connection, act: FencedAct) -> None:
        self._connection, self._doing = connection, f"cannot thaw {connection.info.dbname}"
        try:
            with speaking(self._doing):
                connection.execute("BEGIN")
                thaw(connection, act)
        except BaseException:
            self.close()
            raise

    def refuse_open(self, other: str) -> None:
        with speaking(self._doing):
            infos = comment_store.listed(self._connection, catalog.COMMENTS)
        found = next((one.memory for one in infos if one.name == other), None)
        if found is None or found.state is not State.SHUT:
            raise DatabaseError(f"{self._doing}: {other} takes writes again: somebody opened it")

    def commit(self) -> None:
        with speaking(self._doing):
            done = self._connection.execute("COMMIT").statusmessage
        self.close()
        if done != "COMMIT":  # the server answers ROLLBACK where the transaction had failed
            raise DatabaseError(f"{self._doing}: its transaction had failed before")

    def close(self) -> None:
        with suppress(Error):
            self._connection.close()


def is_shut(connection: Connection) -> bool:
    """Whether its own state comment says so and nobody may write: both are checked now."""
    memory = comment_store.own(connection)
    shut = memory is not None and memory.state is State.SHUT
    return shut and not privileges.in_force(connection)


def _shut_once(
    connection: Connection, act: FencedAct, app_roles: Sequence[str], wait: float
) -> Shut:
    _limit(connection, wait)
    memory = comment_store.admitted(connection, act)
    for role, why in roles.unbound(connection, app_roles).items():
        raise findings.unbound(role, why)
    taken = _lock_writers(connection)
    _limit(connection, BRIEF)
    privileges.revoke(connection, taken)
    left = privileges.in_force(connection)
    if left:
        raise _cannot_revoke(connection, left)
    new = m.shut(memory, taken, comment_store.now(connection))
    comment_store.write(connection, connection.info.dbname, new)
    return Shut(taken, already=memory.state is State.SHUT)


def _limit(connection: Connection, seconds: float) -> None:
    text = f"{int(seconds * 1000)}ms"
    connection.execute(_LIMITS, [text, text, f"{int(IDLE * 1000)}ms"])


def _lock_writers(connection: Connection) -> frozenset[Grant]:
    """SHARE-lock every table that somebody may write; returns the privileges to revoke.

    A table that nobody may write needs no lock (and could not be locked: LOCK itself asks for a
    privilege to write). The list is read again under the locks, until nothing new has appeared.
    """
    locked: frozenset[tuple[str, ...]] = frozenset()
    while True:
        writers = privileges.in_force(connection)
        wanted = _writable(connection, writers) - locked
        if not wanted:
            return writers
        # In the order of names, so that two sessions that lock cannot wait for each other.
        names = SQL(", ").join(Identifier(*path) for path in sorted(wanted))
        connection.execute(SQL("LOCK TABLE {} IN SHARE MODE").format(names))
        locked |= wanted


def _writable(connection: Connection, writers: frozenset[Grant]) -> frozenset[tuple[str, ...]]:
    lockable = {tuple(path) for (path,) in connection.execute(catalog.LOCKABLE).fetchall()}
    tables = {grant.path[:2] for grant in writers if grant.on in (On.TABLE, On.COLUMN)}
    return frozenset(lockable & tables)


def _gave_up(connection: Connection, max_wait: float) -> DatabaseError:
    rows = connection.execute(catalog.WRITING_SESSIONS).fetchall()
    text = "pid {}, role {}, {}: open for {}"
    sessions = [text.format(pid, role, app, span(age)) for pid, role, app, age in rows]
    return DatabaseError(
        f"writers still open after {span(max_wait)} in database {connection.info.dbname}; "
        "it was not frozen and goes on as before",
        cure="end these transactions (their work is lost), or allow a longer wait (max_wait)",
        detail="\n".join(sessions),
    )


def _cannot_revoke(connection: Connection, left: frozenset[Grant]) -> DatabaseError:
    return DatabaseError(
        f"cannot freeze {connection.info.dbname}: {min(left)}, and the admin cannot revoke that",
        cure="make the admin a member of the role that owns it (it may then do all that this role "
        "may), or have that role revoke it",
        detail="\n".join(str(grant) for grant in sorted(left)),
    )


def _still_shut(connection: Connection, missing: frozenset[Grant]) -> DatabaseError:
    why = str(min(missing)) if missing else "its memory of what to give back is gone"
    return DatabaseError(
        f"cannot thaw {connection.info.dbname}: {why}",
        cure="GRANT the application its privileges by hand, as the owner of the tables",
        detail="\n".join(str(grant) for grant in sorted(missing)),
    )
