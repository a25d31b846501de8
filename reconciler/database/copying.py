"""What would make the copy of a database fail, found before anything is made or shut. Pure.

What shows only when the schema is really restored (extensions, event triggers, grants of third
roles) is tried before the freeze (`deployer.provisioning.database_copy`); here is what an empty
copy does not show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.errors import DatabaseError, Refused
from reconciler.util.humanize import size

SHOWN = 5
"""Objects that a message names; its detail has them all."""
SESSIONS = 3
"""Sessions that a copy needs beside the one that asks: pg_dump, pg_restore and its progress."""
LOCK_SHARE = 4
"""The trial of indexes and constraints may take this part of the server's lock table: a quarter."""
WORTH_A_NOTE = 100 << 20


@dataclass(frozen=True)
class CopySurvey:
    """What the server says of a copy of one database, asked as the admin.

    major        the server's major version
    size_bytes   what the copy will need beside the source
    free_bytes   what is free on the server's disk; None where the admin may not ask
    may_create   whether the admin may create databases
    sessions     how many more the admin may open; None: no limit is known
    unreadable   tables and sequences that the admin may not read, or whose schema it may not use
    hidden       tables of which row security hides rows from the admin
    failing      `check x of table` → how it fails without a search_path, as pg_restore sets none
    streams      publications and logical slots of the database: no copy has them
    locks, room  what a trial of all indexes and constraints would lock; entries of the lock table
    """

    major: int = 0
    size_bytes: int = 0
    free_bytes: int | None = None
    may_create: bool = True
    sessions: int | None = None
    unreadable: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    failing: Mapping[str, str] = field(default_factory=dict)
    streams: frozenset[str] = frozenset()
    locks: int = 0
    room: int = 0

    @property
    def can_be_tried(self) -> bool:
        """Whether a trial in one transaction leaves the lock table to production."""
        return self.locks * LOCK_SHARE <= self.room or not self.room


def refuse_uncopyable(database: str, survey: CopySurvey) -> None:
    """Raise Refused for the first of what would fail the copy."""
    if not survey.may_create:
        raise _may_not_create(database)
    if survey.sessions is not None and survey.sessions < SESSIONS:
        raise _no_sessions(database, survey.sessions)
    if survey.free_bytes is not None and survey.free_bytes < survey.size_bytes:
        raise _no_room(database, survey.size_bytes, survey.free_bytes)
    if survey.hidden:
        raise _hidden(database, survey.hidden)
    if survey.unreadable:
        raise _unreadable(database, survey.unreadable)
    if survey.failing:
        raise _failing(database, survey.failing)


def copy_notes(database: str, survey: CopySurvey) -> tuple[str, ...]:
    """What is not known beforehand: people have to."""
    notes = []
    if survey.size_bytes >= WORTH_A_NOTE:
        notes.append(f"the copy of {database} needs about {_room_words(survey)}")
    if survey.streams:
        notes.append(
            f"{_some(sorted(survey.streams))} of {database} will not be in the copy: who "
            "subscribes to that gets nothing of the new database until somebody makes it there"
        )
    if not survey.can_be_tried:
        notes.append(
            f"indexes and constraints of {database} are not tried before the freeze: in one "
            f"transaction they take {survey.locks} of the server's {survey.room} locks"
        )
    return tuple(notes)


def _room_words(survey: CopySurvey) -> str:
    need, free = size(survey.size_bytes), survey.free_bytes
    if free is None:
        return (
            f"{need} on the database server; how much is free there is not known: only a superuser "
            "may ask that (on RDS, the metric FreeStorageSpace says it)"
        )
    return f"{need} of the {size(free)} that are free on the database server"


def schema_changed(database: str) -> Refused:
    """The copy's tables were made before the freeze: what changed since is not in them."""
    return Refused(
        f"the schema of {database}, or a privilege in it, was changed while the copy was prepared: "
        "the copy lacks that",
        cure="release again when no migration, no job that makes partitions or tables, and nobody's"
        " GRANT runs beside it",
    )


_CURES = (
    (
        "event trigger",
        "Where only a superuser may create one, it cannot be in a copy   DROP EVENT TRIGGER …",
    ),
    (
        "session authorization",
        (
            "A role other than the owner has granted a privilege; let the owner do so instead\n"
            "REVOKE … FROM …; then, as the owner   GRANT … TO …\n"
            "Who granted what   SELECT relname, relacl FROM pg_class WHERE relacl IS NOT NULL"
        ),
    ),
    (
        "extension",
        (
            "Let the application's role create it, as the cloud allows (its list of extensions; "
            "GRANT rds_superuser TO …)\nIf nobody uses it   DROP EXTENSION …\n"
            'Without a copy      copy = "never"   (docs/shared-databases.md)'
        ),
    ),
    ("unrecognized configuration parameter", "Tools of the server's version on live"),
    ("too many connections", "Raise the CONNECTION LIMIT of the database or of the admin's role"),
    (
        "permission denied",
        (
            "The application's role will own the copy and may not do that: take it out of live's "
            "database, or grant the role what it takes"
        ),
    ),
)


def cannot_restore(database: str, said: str) -> DatabaseError:
    """The refusal from what pg_dump, pg_restore or psql have said. Live has not been shut."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    marked = [line for line in lines if "ERROR:" in line or "error:" in line]
    first = next(iter(marked or lines), "no reason was given")
    cause = first.rpartition("ERROR:")[2].rpartition(" error: ")[2].strip()
    usual = "Correct that in live's database; to try it again   deployer rehearse … --schema-only"
    cure = next((cure for word, cure in _CURES if word in cause), usual)
    return DatabaseError(
        f"{database} cannot be copied, which was tried before it was shut: {cause}",
        cure=cure,
        detail=said,
    )


def wrong_tools(dump: int, restore: int, server: int, where: str) -> Refused:
    """Older tools refuse a server, and newer ones write settings that it does not know."""
    return Refused(
        f"{where} has pg_dump {dump} and pg_restore {restore}, the server is PostgreSQL {server}: "
        f"a copy needs tools of {server}",
        cure=f"On live, whose clone gets them   sudo apt-get install postgresql-client-{server}\n"
        f"(then /usr/lib/postgresql/{server}/bin, or /usr/pgsql-{server}/bin, is used by itself)\n"
        'From this machine, with its own  run = "here" below [database]',
    )


def tools_fit(dump: int, restore: int, server: int) -> bool:
    """pg_dump reads older servers; from 17 on pg_restore sets what a server before 17 refuses."""
    return dump >= server and restore >= dump and not (restore >= 17 > server)


def _may_not_create(database: str) -> Refused:
    return Refused(
        f"the role of database.admin may not create databases, so {database} cannot be copied",
        cure='As a superuser, or what the cloud has instead   ALTER ROLE "the role of '
        'database.admin" CREATEDB',
    )


def _no_sessions(database: str, left: int) -> Refused:
    return Refused(
        f"the admin may open {left} more sessions to copy {database}, which needs {SESSIONS}",
        cure="Raise max_connections, or the CONNECTION LIMIT of the database or of the admin's "
        "role, or end idle sessions:\n"
        "SELECT usename, state, count(*) FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC",
    )


def _no_room(database: str, need: int, free: int) -> Refused:
    return Refused(
        f"the copy of {database} needs about {size(need)} on the database server, where "
        f"{size(free)} are free",
        cure="Enlarge the server's disk, or see which databases are there that nobody needs:\n"
        "reconciler report\n"
        "SELECT datname, pg_size_pretty(pg_database_size(oid)) FROM pg_database ORDER BY "
        "pg_database_size(oid) DESC",
    )


def _hidden(database: str, tables: Iterable[str]) -> Refused:
    found = sorted(tables)
    return Refused(
        f"row security hides rows of {_some(found)} in {database} from the admin: the copy would "
        "lack them",
        cure='Let it read every row (of every database)   ALTER ROLE "the role of database.admin" '
        "BYPASSRLS\nOr, where only the owner is bound           ALTER TABLE … NO FORCE ROW LEVEL "
        "SECURITY",
        detail="\n".join(found),
    )


def _unreadable(database: str, names: Iterable[str]) -> Refused:
    found = sorted(names)
    return Refused(
        f"the admin may not read {_some(found)} in {database}, so it cannot be copied",
        cure='Let it act as their owner   GRANT "the owner" TO "the role of database.admin"\n'
        'Or let it read them         GRANT USAGE ON SCHEMA …; GRANT SELECT ON … TO "the role of '
        'database.admin"',
        detail="\n".join(found),
    )


def _failing(database: str, failing: Mapping[str, str]) -> Refused:
    what, why = min(failing.items())
    return Refused(
        f"{what} in {database} fails where no search_path is set, as in a restore: {why}",
        cure="Let its function say where it looks   ALTER FUNCTION … SET search_path = public, "
        "pg_temp\n(or write the schema before each name in it)",
        detail="\n".join(f"{name}: {text}" for name, text in sorted(failing.items())),
    )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
