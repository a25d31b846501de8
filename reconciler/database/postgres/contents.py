"""The contents of a database: rows, sequences, definitions, and changes since a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal

from reconciler.database.port import Changes
from reconciler.database.postgres import activity, catalog, comment_store, roles
from reconciler.database.state_comment import Baseline
from reconciler.model.fencing import FencedAct
from reconciler.util.backoff import Backoff

_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SEQUENCE = "sequence "
"""The name prefix of sequences among the counters of tables, which are `schema.table`."""

CHUNK = 100
"""Tables counted in one statement."""

LATE = 10.5
"""Seconds until a session has reported its writes: an idle one is woken for it after 10."""

REPORTED = Backoff(first=0.1, longest=0.5, deadline=LATE)


def row_counts(connection: Connection) -> Mapping[str, int]:
    """Rows of every ordinary table, each counted without its children, in one snapshot."""
    with connection.transaction():
        connection.execute(_SNAPSHOT)
        # A policy that hides rows becomes an error instead of a wrong count.
        connection.execute("SET LOCAL row_security = off")
        rows = connection.execute(catalog.TABLES).fetchall()
        counted = _each(connection, rows, "SELECT {}, count(*)::text FROM ONLY {}")
    return {name: int(count) for name, count in counted.items()}


def sequence_values(connection: Connection) -> Mapping[str, str]:
    """`last_value`, with a `*` where the next value is the one after it."""
    rows = connection.execute(catalog.SEQUENCES).fetchall()
    text = "SELECT {}, last_value::text || CASE WHEN is_called THEN '*' ELSE '' END FROM {}"
    return _each(connection, rows, text)


def schema_digest(connection: Connection) -> str:
    """See `catalog.DIGEST`."""
    row = connection.execute(catalog.DIGEST).fetchone()
    return str(row[0]) if row else ""


def record_baseline(connection: Connection, act: FencedAct) -> None:
    """Writes the counters into the state comment."""
    with connection.transaction():
        memory = comment_store.admitted(connection, act)
        new = replace(memory, baseline=_counters(connection), at=comment_store.now(connection))
        comment_store.write(connection, connection.info.dbname, new)


def changes(connection: Connection) -> Changes:
    """Compares the counters with those of the state comment; a copied comment does not count."""
    memory = comment_store.own(connection)
    found = compare(memory.baseline if memory else None, _counters(connection))
    # A database with large objects would not have been released: they were created since, and
    # no counter counts them.
    return replace(found, unknown=True) if roles.large_objects(connection) else found


def final_changes(connection: Connection) -> Changes:
    """The same once no write happens any more, and every session has reported its writes.

    A pooled session that stays connected reports seconds later: until then its last writes are not
    counted. If a loss is known already, there is no need to wait.
    """
    asked = {"shut": comment_store.now(connection), "late": LATE}
    for _ in REPORTED.attempts():
        # In this order: a session that had not reported when asked is counted in the next round.
        row = connection.execute(activity.UNREPORTED, asked).fetchone()
        found = changes(connection)
        if found.any or not (row and row[0]):
            return found
    row = connection.execute(activity.STILL_BUSY, asked).fetchone()
    found = changes(connection)
    return replace(found, unknown=found.unknown or bool(row and row[0]))


def compare(before: Baseline | None, after: Baseline) -> Changes:
    """Rows changed between two readings of the counters."""
    if before is None or before.epoch != after.epoch:
        return Changes(unknown=True)
    grown = {
        name: n - before.tables.get(name, (0, 0))[0]
        for name, (n, _) in after.tables.items()
        if not name.startswith(_SEQUENCE)
    }
    rows = {name: n for name, n in sorted(grown.items()) if n > 0}
    files = {name: file for name, (_, file) in after.tables.items()}
    rewritten = any(files.get(name) != file for name, (_, file) in before.tables.items())
    odd = rewritten or any(n < 0 for n in grown.values())
    # A number that was issued may have been used outside the database, though no row has it.
    return Changes(tables=rows, unknown=odd or (not rows and _given_out(before, after)))


def _given_out(before: Baseline, after: Baseline) -> bool:
    """Whether a sequence has moved. One that an older version did not record is ignored."""
    return any(
        name in before.tables and before.tables[name] != now
        for name, now in after.tables.items()
        if name.startswith(_SEQUENCE)
    )


def _counters(connection: Connection) -> Baseline:
    epoch = connection.execute(catalog.EPOCH).fetchone()
    rows = connection.execute(catalog.COUNTERS).fetchall()
    tables = {name: (int(count), int(file)) for name, count, file in rows}
    return Baseline(str(epoch[0]) if epoch else "", tables)


def _each(connection: Connection, names: list[tuple[str, str]], select: str) -> dict[str, str]:
    """The answers to `select` (label, quoted name) for every (schema, name)."""
    found: dict[str, str] = {}
    for start in range(0, len(names), CHUNK):
        parts = [
            SQL(select).format(Literal(f"{name[0]}.{name[1]}"), Identifier(*name))
            for name in names[start : start + CHUNK]
        ]
        found |= dict(connection.execute(SQL(" UNION ALL ").join(parts)).fetchall())
    return found
