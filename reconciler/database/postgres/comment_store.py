"""Reads and writes a database's state comment inside the transaction of an act.

The advisory lock comes first: acts on one database run one after the other, so that the
fence that is read is the fence that is replaced. Nobody can rename a database while a session is
connected to it, so what the transaction reads of it is valid until its end.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal

from reconciler.database import identity
from reconciler.database import state_comment as m
from reconciler.database.port import DatabaseInfo
from reconciler.database.postgres import catalog
from reconciler.database.state_comment import Memory
from reconciler.errors import Refused
from reconciler.model.fencing import FencedAct


def lock_key(ledger: str) -> int:
    """The advisory lock's key: 64 bits of the hash of the ledger's address."""
    return int.from_bytes(hashlib.sha256(ledger.encode()).digest()[:8], signed=True)


def lock(connection: Connection, ledger: str) -> None:
    """Waits for other acts; the lock lasts until the end of the transaction."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key(ledger)])


def admitted(connection: Connection, act: FencedAct) -> Memory:
    """Waits for other acts; the state comment with the act's generation as its fence.

    A database without any act so far gets its first comment, if no other is the deploy's: an
    adopted service's live database. A comment that people had written is kept in it. Raises
    StaleAct, and Refused if the comment is not this database's own (rule 15).
    """
    lock(connection, act.first_ledger)
    return identity.judged(
        listed(connection, catalog.COMMENTS), connection.info.dbname, act, now(connection)
    )


def own(connection: Connection) -> Memory | None:
    """The state comment of the connection's database; None if it has none of its own."""
    info = itself(connection)
    memory = info.memory
    return memory if memory and (memory.old or memory.of(info.name, info.oid)) else None


def itself(connection: Connection) -> DatabaseInfo:
    """The connection's database; its owner is not read."""
    ((oid, comment),) = connection.execute(catalog.ITSELF).fetchall()
    return info(connection.info.dbname, "", None, comment, oid)


def listed(connection: Connection, query: str) -> tuple[DatabaseInfo, ...]:
    """Every database, by `catalog.DATABASES` or `catalog.COMMENTS`."""
    return tuple(info(*row) for row in connection.execute(query.encode()).fetchall())


def info(name: str, owner: str, size: int | None, comment: str | None, oid: int) -> DatabaseInfo:
    """A row of the list, its comment parsed if it is a state comment."""
    try:
        memory = m.parse(comment) if comment else None
    except m.ForeignComment:
        return DatabaseInfo(name, owner, size, None, comment or "", oid)
    return DatabaseInfo(name, owner, size, memory, oid=oid)


def write(connection: Connection, name: str, memory: Memory) -> None:
    """Make `memory` the comment of database `name`."""
    text = SQL("COMMENT ON DATABASE {} IS {}")
    connection.execute(text.format(Identifier(name), Literal(m.encode(memory))))


def now(connection: Connection) -> datetime:
    """The server's clock, at the start of the transaction."""
    ((moment,),) = connection.execute("SELECT transaction_timestamp()").fetchall()
    assert isinstance(moment, datetime)  # for the type checker
    return moment


def hold(connection: Connection, ledger: str, reason: str | None) -> None:
    """Hold the connection's database for `reason`; None ends the hold. Raises Refused.

    A database has no tags, so its hold is a field of its state comment, which is listed with it.
    The fence is unchanged: people set a hold, not an act of a deploy.
    """
    name = connection.info.dbname
    with connection.transaction():
        lock(connection, ledger)
        memory = own(connection)
        if memory is None or memory.ledger != ledger:
            raise no_memory(name)
        write(connection, name, replace(memory, hold=reason))


def disown(connection: Connection, act: FencedAct) -> None:
    """Replace the state comment by what people had written there, or by none. Raises Refused."""
    with connection.transaction():
        lock(connection, act.first_ledger)
        if itself(connection).memory is None:
            return
        memory = admitted(connection, act)
        m.refuse_shut(memory, connection.info.dbname)
        text = SQL("COMMENT ON DATABASE {} IS {}")
        name = Identifier(connection.info.dbname)
        connection.execute(text.format(name, Literal(memory.note or None)))


def no_memory(name: str) -> Refused:
    """Nothing in the database says that it is this service's, so nothing is written into it."""
    return Refused(
        f"database {name} has no memory of this service's ledger: there is no place for a hold",
        cure=f"To see what becomes of it   reconciler explain {name}",
    )
