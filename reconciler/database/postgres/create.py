"""Creates a database with its state comment: neither exists alone under its own name.

Between CREATE DATABASE and COMMENT there is no transaction. So it is created under another name,
gets its comment, then its own name: a database with a deploy's name but no comment is not ours.
"""

from __future__ import annotations

from dataclasses import replace

from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier

from reconciler.database import state_comment as m
from reconciler.database.port import DatabaseInfo
from reconciler.database.postgres import catalog, comment_store
from reconciler.database.state_comment import Memory
from reconciler.errors import DatabaseError, Refused


def create(connection: Connection, name: str, owner: Composable, memory: Memory) -> None:
    """Creates the database; `owner` is what follows OWNER. Raises DatabaseError if it exists."""
    if connection.execute(catalog.OID, [name]).fetchone():
        raise DatabaseError(f"cannot create database {name}: it already exists")
    making = m.making_name(name)
    connection.execute(SQL("CREATE DATABASE {} OWNER ").format(Identifier(making)) + owner)
    ((oid,),) = connection.execute(catalog.OID, [making]).fetchall()
    comment_store.write(connection, making, replace(memory, name=name, oid=oid))
    names = Identifier(making), Identifier(name)
    connection.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(*names))


def remember(connection: Connection, seen: DatabaseInfo, memory: Memory) -> None:
    """Writes a new state comment, unless it changed since it was seen. Raises Refused."""
    with connection.transaction():
        # Acts lock by the first address of the ledger.
        for address in dict.fromkeys((memory.birthplace, memory.ledger)):
            comment_store.lock(connection, address)
        now = comment_store.itself(connection)
        if (now.oid, now.memory, now.foreign) != (seen.oid, seen.memory, seen.foreign):
            raise Refused(
                f"database {seen.name} has changed since it was shown; nothing was written"
            )
        comment_store.write(connection, seen.name, memory)
