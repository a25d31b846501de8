"""Reading and writing a database's memory inside the transaction of an act.

The advisory lock comes first: acts on one database are obeyed one after the other, so that the
fence that is read is the fence that is replaced.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal

from reconciler.database import catalog
from reconciler.database import memory as m
from reconciler.database.memory import Memory
from reconciler.fence import FencedAct


def lock_key(ledger: str) -> int:
    """The advisory lock's key: 64 bits of the hash of the ledger's address."""
    return int.from_bytes(hashlib.sha256(ledger.encode()).digest()[:8], signed=True)


def admitted(connection: Connection, act: FencedAct) -> Memory:
    """Wait for other acts, then the memory with the act's generation as its fence.

    A database that nobody has acted on yet starts one: an adopted service's live database. What
    people had written as its comment is kept in it. Raises StaleAct, Refused.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key(act.ledger)])
    name = connection.info.dbname
    comment = read(connection)
    try:
        memory = m.parse(comment)
    except m.ForeignComment:
        memory = m.first(comment, act, name, now(connection))
    return m.admitted(memory, act, name)


def read(connection: Connection) -> str:
    """The comment of the connection's database, '' where there is none."""
    row = connection.execute(catalog.COMMENT, [connection.info.dbname]).fetchone()
    return (row and row[0]) or ""


def write(connection: Connection, name: str, memory: Memory) -> None:
    """Make `memory` the comment of database `name`."""
    text = SQL("COMMENT ON DATABASE {} IS {}")
    connection.execute(text.format(Identifier(name), Literal(m.encode(memory))))


def now(connection: Connection) -> datetime:
    """The server's clock, at the start of the transaction."""
    ((moment,),) = connection.execute("SELECT transaction_timestamp()").fetchall()
    assert isinstance(moment, datetime)  # for the type checker
    return moment
