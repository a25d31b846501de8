"""How much is free on the server's disk, where its administrator may ask that."""

from __future__ import annotations

from psycopg import Connection, Error

_MAY_ASK = """
SELECT rolsuper OR pg_has_role(current_user, 'pg_execute_server_program', 'MEMBER')
FROM pg_roles WHERE rolname = current_user
"""
_ASK = "COPY pg_temp.free_room FROM PROGRAM 'LC_ALL=C df -Pk base'"
"""A backend's working directory is the data directory; new databases are made below `base`."""


def free_bytes(connection: Connection) -> int | None:
    """Bytes free where new databases are made; None where that cannot be asked.

    PostgreSQL has no function for it: `df` is run on the server, which only a superuser or a member
    of pg_execute_server_program may do. `connection` is to the maintenance database: the temporary
    table, which is rolled back, must not reach an event trigger of live's.
    """
    try:
        row = connection.execute(_MAY_ASK.encode()).fetchone()
        if row is None or not row[0]:
            return None
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL statement_timeout = '10s'")
            connection.execute("CREATE TEMP TABLE free_room (line text)")
            connection.execute(_ASK.encode())
            lines = connection.execute("SELECT line FROM pg_temp.free_room").fetchall()
    except Error:
        return None  # a cloud's server, a read-only one, or no `df`: nothing is known
    return _free([line for (line,) in lines])


def _free(lines: list[str]) -> int | None:
    """The fourth column of POSIX `df -Pk`."""
    columns = lines[1].split() if len(lines) > 1 else []
    return int(columns[3]) * 1024 if len(columns) > 3 and columns[3].isdigit() else None
