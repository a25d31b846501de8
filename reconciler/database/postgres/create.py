"""A database and its memory: made so that neither is ever without the other under its own name.

Between CREATE DATABASE and COMMENT there is no transaction. So it is made under another name, gets
its memory, and then its own name: what bears a deploy's name and no memory was made by others.
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
    """Make the database; `owner` is what follows OWNER. Raises DatabaseError if it is there."""
    if connection.execute(catalog.OID, [name]).fetchone():
        raise DatabaseError(f"cannot create database {name}: it already exists")
    making = m.making_name(name)
    connection.execute(SQL("CREATE DATABASE {} OWNER ").format(Identifier(making)) + owner)
    ((oid,),) = connection.execute(catalog.OID, [making]).fetchall()
    comment_store.write(connection, making, replace(memory, name=name, oid=oid))
    names = Identifier(making), Identifier(name)
    connection.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(*names))


def remember(connection: Connection, seen: DatabaseInfo, memory: Memory) -> None:
    """Write a memory anew, unless somebody has changed it since it was seen. Raises Refused."""
    with connection.transaction():
        # Acts lock by the address that the ledger was born with.
        for one in dict.fromkeys((memory.birthplace, memory.ledger)):
            comment_store.lock(connection, one)
        now = comment_store.itself(connection)
        if (now.oid, now.memory, now.foreign) != (seen.oid, seen.memory, seen.foreign):
            raise Refused(
                f"database {seen.name} has changed since it was shown; nothing was written"
            )
        comment_store.write(connection, seen.name, memory)
