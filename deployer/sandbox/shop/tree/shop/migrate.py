"""Brings the database of DATABASE_URL to this version: migrations/*.sql, each once, in order."""

from __future__ import annotations

import sys
from pathlib import Path

from .database import connect
from .machine import ROOT
from .postgres import Error, Session

_KEPT = "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY)"
_NOTED = "INSERT INTO schema_migrations VALUES ('{}')"


def pending(session: Session) -> list[Path]:
    """The migrations that this database has not had, oldest first."""
    session.run(_KEPT)
    done = {name for (name,) in session.ask("SELECT name FROM schema_migrations")}
    return [path for path in sorted((ROOT / "migrations").glob("*.sql")) if path.stem not in done]


def apply(session: Session, path: Path) -> None:
    """Run one migration and note it, in one transaction."""
    noted = _NOTED.format(path.stem.replace("'", "''"))
    session.run(f"BEGIN;\n{path.read_text()}\n;\n{noted};\nCOMMIT")
    print(f"migrated: {path.stem}")


def main() -> None:
    """Apply what is pending; exit 1 with the database's words if one is refused.

    With `--check` apply nothing: exit 1 if anything is pending, and name it.
    """
    try:
        with connect() as session:
            left = pending(session)
            if sys.argv[1:] == ["--check"]:
                sys.exit(f"pending: {', '.join(path.stem for path in left)}" if left else 0)
            for path in left:
                apply(session, path)
    except Error as error:
        sys.exit(f"migrate: {error}")


if __name__ == "__main__":
    main()
