"""PostgreSQL as a server of databases: lists, creates, freezes, thaws, counts and drops them.

The admin is not a superuser (as on RDS): it has CREATEDB and is a member of the application's
role. SQL runs from this process, directly or through a tunnel that the caller keeps open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from reconciler.database.copying import CopySurvey
from reconciler.database.findings import Findings
from reconciler.database.grants import Grant
from reconciler.database.port import Changes, DatabaseInfo, Shut, Thawed
from reconciler.database.postgres import (
    catalog,
    comment_store,
    contents,
    copy_settings,
    freeze,
    privileges,
)
from reconciler.database.postgres import create as making
from reconciler.database.postgres import drop as dropping
from reconciler.database.postgres.connection import AdminUrl, Tunnel, refuse_shared, speaking
from reconciler.database.postgres.copying import loading
from reconciler.database.postgres.copying.definitions import definitions
from reconciler.database.postgres.copying.free_room import free_bytes
from reconciler.database.postgres.copying.survey import survey
from reconciler.database.postgres.roles import examine
from reconciler.database.state_comment import Memory
from reconciler.model.fencing import FencedAct

Connect = Callable[[str], Connection]
"""A session in autocommit mode with the database of that name; '' for the server as a whole."""


class PostgresServer:
    """Implements `reconciler.database.port.DatabaseServer`. One short session per act."""

    def __init__(self, connect: Connect, endpoint: str = "") -> None:
        self._connect = connect
        self.endpoint = endpoint

    @classmethod
    def from_url(cls, admin_url: str, tunnel: Tunnel | None = None) -> PostgresServer:
        """The server of `admin_url`, reached through `tunnel` if there is one. Raises ConfigError.

        A tunnel is asked for its address at each session: it may have been opened anew.
        """
        admin = AdminUrl.parse(admin_url)
        host, port = admin.endpoint
        return cls(lambda dbname: admin.connect(dbname, tunnel), f"{host}:{port}")

    def databases(self) -> tuple[DatabaseInfo, ...]:
        with self._session("", "cannot list the databases") as session:
            return comment_store.listed(session, catalog.DATABASES)

    def size(self, name: str) -> int:
        with self._session("", f"cannot measure database {name}") as session:
            row = session.execute(catalog.SIZE, [name]).fetchone()
        return int(row[0] or 0) if row else 0

    def create(self, name: str, owner_role: str, memory: Memory, like: str = "") -> None:
        with self._session("", f"cannot create database {name}") as session:
            locale = copy_settings.clause(session, like) if like else SQL("")
            making.create(session, name, Identifier(owner_role) + locale, memory)

    def remember(self, seen: DatabaseInfo, memory: Memory) -> None:
        with self._session(seen.name, f"cannot write the memory of {seen.name}") as session:
            making.remember(session, seen, memory)

    def drop(self, name: str, act: FencedAct, ours: Sequence[str] = ()) -> None:
        doing = f"cannot drop database {name}"
        with self._session("", doing) as session:
            dropping.drop(session, name, act, ours, lambda: self._session(name, doing))

    def shut(self, name: str, act: FencedAct, app_roles: Sequence[str], max_wait: float) -> Shut:
        with self._session(name, f"cannot freeze database {name}") as session:
            return freeze.shut(session, act, app_roles, max_wait)

    def examine(self, name: str, roles: Sequence[str]) -> Findings:
        doing = f"cannot look at the roles of database {name}"
        with self._session(name, doing) as session:
            refuse_shared(session, lambda: self._session(name, doing))
            return examine(session, roles)

    def thaw(self, name: str, act: FencedAct) -> Thawed:
        with self._session(name, f"cannot thaw database {name}") as session:
            return freeze.thaw(session, act)

    def prepare_thaw(self, name: str, act: FencedAct) -> freeze.ThawTransaction:
        with speaking(f"cannot thaw database {name}"):
            return freeze.ThawTransaction(self._connect(name), act)

    def hold(self, name: str, ledger: str, reason: str | None) -> None:
        with self._session(name, f"cannot hold database {name}") as session:
            comment_store.hold(session, ledger, reason)

    def disown(self, name: str, act: FencedAct) -> None:
        with self._session(name, f"cannot take the memory off database {name}") as session:
            comment_store.disown(session, act)

    def is_shut(self, name: str) -> bool:
        with self._session(name, f"cannot tell whether database {name} is shut") as session:
            return freeze.is_shut(session)

    def writers(self, name: str) -> frozenset[Grant]:
        with self._session(name, f"cannot read the privileges of database {name}") as session:
            return privileges.in_force(session)

    def row_counts(self, name: str) -> Mapping[str, int]:
        with self._session(name, f"cannot count the rows of database {name}") as session:
            return contents.row_counts(session)

    def sequence_values(self, name: str) -> Mapping[str, str]:
        with self._session(name, f"cannot read the sequences of database {name}") as session:
            return contents.sequence_values(session)

    def schema_digest(self, name: str) -> str:
        with self._session(name, f"cannot read the schema of database {name}") as session:
            return contents.schema_digest(session)

    def survey_copy(self, name: str, app_role: str) -> CopySurvey:
        with self._session(name, f"cannot tell whether database {name} can be copied") as session:
            found = survey(session, app_role)
        with self._session("", "cannot ask the server how much is free") as session:
            return replace(found, free_bytes=free_bytes(session))

    def definitions(self, name: str) -> str:
        with self._session(name, f"cannot read the definitions of database {name}") as session:
            return definitions(session)

    def lend(self, name: str, owner: str) -> frozenset[Grant]:
        with self._session(name, f"cannot prepare database {name} for its rows") as session:
            return loading.lend(session, owner)

    def open_like(self, name: str, source: str, lent: frozenset[Grant] = frozenset()) -> None:
        doing = f"cannot open database {name} like {source}"
        with self._session(source, doing) as theirs, self._session(name, doing) as ours:
            copy_settings.open_like(ours, theirs, lent)

    def analyze(self, name: str) -> None:
        with self._session(name, f"cannot analyze database {name}") as session:
            session.execute("ANALYZE")

    def record_baseline(self, name: str, act: FencedAct) -> None:
        with self._session(name, f"cannot note the counters of database {name}") as session:
            contents.record_baseline(session, act)

    def changes_since_baseline(self, name: str) -> Changes:
        with self._session(name, f"cannot read the counters of database {name}") as session:
            return contents.changes(session)

    def final_changes(self, name: str) -> Changes:
        with self._session(name, f"cannot read the counters of database {name}") as session:
            return contents.final_changes(session)

    @contextmanager
    def _session(self, dbname: str, doing: str) -> Iterator[Connection]:
        with speaking(doing), closing(self._connect(dbname)) as session:
            yield session
