"""A hold on a database: a word in its memory, which keeps it from every sweep.

A database carries no tags. Its memory is listed with the database itself, so that a hold is seen
whenever the database is. The fence stays as it is: a hold is people's, and no act of a deploy.
"""

from __future__ import annotations

from dataclasses import replace

from psycopg import Connection

from reconciler.database import comment
from reconciler.errors import Refused


def hold(connection: Connection, ledger: str, reason: str | None) -> None:
    """Hold the connection's database for `reason`; None lets go of it. Raises Refused."""
    name = connection.info.dbname
    with connection.transaction():
        comment.lock(connection, ledger)
        memory = comment.own(connection)
        if memory is None or memory.ledger != ledger:
            raise no_memory(name)
        comment.write(connection, name, replace(memory, hold=reason))


def no_memory(name: str) -> Refused:
    """Nothing in the database says that it is this service's, so nothing is written into it."""
    return Refused(
        f"database {name} has no memory of this service's ledger: there is no place for a hold",
        cure=f"To see what becomes of it   reconciler explain {name}",
    )
