"""Asks a server what would make the copy of a database fail; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

from psycopg import Connection, Error, errors
from psycopg.sql import SQL, Identifier

from reconciler.database.copying import CopySurvey
from reconciler.database.postgres import catalog

PATIENCE = 15.0
"""Seconds for all expressions; one may take `_EACH`. What was not tried is no finding."""
_EACH = "SET LOCAL statement_timeout = '2s'"

_SERVER = """
SELECT current_setting('server_version_num')::int / 10000, pg_database_size(d.oid),
  me.rolcreatedb OR me.rolsuper,
  least(
    CASE WHEN NOT me.rolsuper THEN current_setting('max_connections')::int
      - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true)::int, 0)
      - (SELECT count(*) FROM pg_stat_activity WHERE datid > 0 AND usesysid > 0) END,
    CASE WHEN me.rolconnlimit >= 0 THEN me.rolconnlimit
      - (SELECT count(*) FROM pg_stat_activity WHERE usesysid = me.oid) END,
    CASE WHEN d.datconnlimit >= 0 AND NOT me.rolsuper THEN d.datconnlimit
      - (SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid AND usesysid > 0) END),
  (SELECT count(*) FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'p', 'm', 'i', 'I')),
  current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int
    + current_setting('max_prepared_transactions')::int)
FROM pg_database d, pg_roles me
WHERE d.datname = current_database() AND me.rolname = current_user
"""
"""Columns of other users' sessions are hidden from the admin, but for database and role."""

_UNREADABLE = catalog.over_relations(
    """
SELECT nspname || '.' || relname FROM relations
WHERE relkind IN ('r', 'p', 'S') AND NOT (has_table_privilege(oid, 'SELECT')
  AND has_schema_privilege(relnamespace, 'USAGE'))
"""
)
_HIDDEN = catalog.over_relations(
    """
SELECT nspname || '.' || relname FROM relations
WHERE relkind IN ('r', 'p') AND row_security_active(oid)
"""
)
_STREAMS = """
SELECT 'publication ' || pubname FROM pg_publication
UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE database = current_database()
"""
"""Logical slots: a physical one is of no database, and survives the release."""

_EXPRESSIONS = catalog.over_relations(
    """, written (what, kind, id, of, expression) AS (
  SELECT 'check ' || conname, 'pg_constraint'::regclass, oid, conrelid,
    pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE contype = 'c' AND conrelid > 0
  UNION ALL SELECT 'generated column ' || attname, 'pg_attrdef'::regclass, d.oid, adrelid,
    pg_get_expr(adbin, adrelid) FROM pg_attrdef d JOIN pg_attribute a
    ON attrelid = adrelid AND attnum = adnum AND attgenerated <> ''
  UNION ALL SELECT 'index ' || indexrelid::regclass, 'pg_class'::regclass, indexrelid, indrelid,
    concat_ws(', ', pg_get_expr(indexprs, indrelid), pg_get_expr(indpred, indrelid))
    FROM pg_index WHERE indexprs IS NOT NULL OR indpred IS NOT NULL
)
SELECT what, nspname, relname, expression FROM written JOIN relations r ON r.oid = of
WHERE relkind = 'r' AND EXISTS (SELECT FROM pg_depend
  WHERE classid = kind AND objid = id AND refobjid >= 16384
    AND refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass))
ORDER BY 1, 2, 3
"""
)
"""What is computed for each row that is loaded, by functions that are not the server's own."""


def survey(connection: Connection, app_role: str) -> CopySurvey:
    """What the admin finds in the connection's database; functions are run as `app_role`."""
    row = connection.execute(_SERVER.encode()).fetchone()
    if row is None:
        return CopySurvey()
    major, size, may_create, sessions, locks, room = row
    return CopySurvey(
        major=major,
        size_bytes=size,
        may_create=may_create,
        sessions=sessions,
        unreadable=_names(connection, _UNREADABLE),
        hidden=_names(connection, _HIDDEN),
        failing=_failing(connection, app_role),
        streams=_names(connection, _STREAMS),
        locks=locks,
        room=room,
    )


def _names(connection: Connection, query: str) -> frozenset[str]:
    return frozenset(name for (name,) in connection.execute(query.encode()).fetchall())


def _failing(connection: Connection, app_role: str) -> Mapping[str, str]:
    """Compute what a restore computes, without a search_path, for some rows of live."""
    found: dict[str, str] = {}
    until = monotonic() + PATIENCE
    with connection.transaction():
        for what, schema, table, expression in _expressions(connection, app_role):
            why = _computed(connection, (schema, table), expression)
            if why:
                found[f"{what} of {schema}.{table}"] = why
            if monotonic() > until:
                break
    return found


def _expressions(connection: Connection, app_role: str) -> list[tuple[str, str, str, str]]:
    """What is computed, and for which table; from here on `app_role` asks."""
    connection.execute("SET TRANSACTION READ ONLY")
    connection.execute("SET LOCAL search_path = ''")
    connection.execute(_EACH)
    rows = connection.execute(_EXPRESSIONS.encode()).fetchall()
    connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(app_role)))
    return rows


def _computed(connection: Connection, table: tuple[str, str], expression: str) -> str:
    """Why the expression cannot be computed; '' if it can, or nothing can be said."""
    text = SQL("SELECT count(ROW({})) FROM (SELECT * FROM ONLY {} LIMIT 100) AS {}").format(
        SQL(expression),  # PostgreSQL's own text of it
        Identifier(*table),
        Identifier(table[1]),
    )
    try:
        with connection.transaction():
            connection.execute(text)
    except (errors.QueryCanceled, errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction):
        return ""
    except Error as error:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    return ""
