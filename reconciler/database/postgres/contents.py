"""What is in a database: rows, sequences, definitions, and what has changed since a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal

from reconciler.database.port import Changes
from reconciler.database.postgres import activity, catalog, comment_store, roles
from reconciler.database.state_comment import Baseline
from reconciler.model.fencing import FencedAct
from reconciler.util.polling import Backoff, looks

_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SEQUENCE = "sequence "
"""Begins the name of a sequence among the counters of tables, which are `schema.table`."""

CHUNK = 100
"""Tables counted in one statement."""

LATE = 10.5
"""Seconds after which a session has counted what it wrote: an idle one is woken for it after 10."""

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
    """Write the counters into the memory."""
    with connection.transaction():
        memory = comment_store.admitted(connection, act)
        new = replace(memory, baseline=_counters(connection), at=comment_store.now(connection))
        comment_store.write(connection, connection.info.dbname, new)


def changes(connection: Connection) -> Changes:
    """The counters now against those of the memory; one that was copied along says nothing."""
    memory = comment_store.own(connection)
    found = compare(memory.baseline if memory else None, _counters(connection))
    # A database that had any would not have been released: they were made since, and are not
    # counted anywhere.
    return replace(found, unknown=True) if roles.large_objects(connection) else found


def final_changes(connection: Connection) -> Changes:
    """The same once nothing is written any more, and every session has counted what it wrote.

    A pooled session that stays connected does so seconds later: its last writes would be nothing.
    What is known to be lost already need not be waited for.
    """
    asked = {"shut": comment_store.now(connection), "late": LATE}
    for _ in looks(REPORTED):
        # In this order: who had not yet reported when it was asked is counted in the next look.
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
    # A number that was given out may stand in a letter, though no row has it.
    return Changes(tables=rows, unknown=odd or (not rows and _given_out(before, after)))


def _given_out(before: Baseline, after: Baseline) -> bool:
    """Whether a sequence has moved. One that an older version did not note says nothing."""
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
            SQL(select).format(Literal(f"{one[0]}.{one[1]}"), Identifier(*one))
            for one in names[start : start + CHUNK]
        ]
        found |= dict(connection.execute(SQL(" UNION ALL ").join(parts)).fetchall())
    return found
