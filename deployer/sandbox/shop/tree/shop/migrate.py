"""Brings the database of DATABASE_URL to this version: migrations/*.sql, each once, in order."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import psycopg

from .database import connect, message
from .machine import ROOT

_KEPT = "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY)"


def pending(session: psycopg.Connection[Any]) -> list[Path]:
    """The migrations that this database has not had, oldest first."""
    session.execute(_KEPT)
    done = {name for (name,) in session.execute("SELECT name FROM schema_migrations")}
    return [path for path in sorted((ROOT / "migrations").glob("*.sql")) if path.stem not in done]


def apply(session: psycopg.Connection[Any], path: Path) -> None:
    """Run one migration and note it, in one transaction."""
    with session.transaction():
        session.execute(path.read_bytes())
        session.execute("INSERT INTO schema_migrations VALUES (%s)", [path.stem])
    print(f"migrated: {path.stem}")


def main() -> None:
    """Apply what is pending; exit 1 with the database's words if one is refused."""
    try:
        with connect() as session:
            session.autocommit = True
            for path in pending(session):
                apply(session, path)
    except psycopg.Error as error:
        sys.exit(f"migrate: {message(error)}")


if __name__ == "__main__":
    main()
