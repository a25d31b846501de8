"""A server of databases in memory, for the tests of use cases.

It obeys the same contract suite as PostgreSQL does, and its memories go through the same text.
A client of it is `write`; a test makes any method fail by an entry in `failing`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from reconciler.database import identity
from reconciler.database import state_comment as m
from reconciler.database.copying import CopySurvey
from reconciler.database.findings import Findings
from reconciler.database.grants import Grant, On, normal
from reconciler.database.port import Changes, DatabaseInfo, Shut, Thawed
from reconciler.database.state_comment import Baseline, Memory, State
from reconciler.errors import DatabaseError, Refused, ToolError
from reconciler.model.fencing import FencedAct

SUPERUSER = "root"
_TIME = datetime(2026, 11, 23, 3, 15, 2, tzinfo=UTC)


class WriteRefused(Exception):
    """A client's write was not let through."""


@dataclass
class FakeDatabase:
    """One database: rows and changes counted by table, privileges, comment."""

    owner: str
    comment: str = ""
    oid: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    sequences: dict[str, str] = field(default_factory=dict)
    grants: set[Grant] = field(default_factory=set)
    version: int = 0
    writing: int = 0
    sessions: list[str] = field(default_factory=list)
    large_objects: int = 0

    def add_table(self, table: str, rows: int = 0) -> None:
        """A `schema.table` that its owner may write."""
        path = tuple(table.split("."))
        self.rows[table], self.changed[table] = rows, rows
        words = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
        self.grants |= {Grant(On.TABLE, path, self.owner, may) for may in words}
        self.version += 1


class FakeServer:
    """Implements `DatabaseServer` on FakeDatabases."""

    endpoint = "db.example.com:5432"

    def __init__(self) -> None:
        self.held: dict[str, FakeDatabase] = {}
        self.failing: dict[str, ToolError] = {}
        """Method name → the error it raises, until the entry is taken out."""
        self._oids = itertools.count(16_384)
        self.missing: set[str] = set()
        """Roles that do not exist."""
        self.describe_groups: set[str] = set()
        """Roles that are members of the application's."""
        self.powerless: set[str] = set()
        """What the admin lacks to act as the application's role."""
        self.extensions: set[str] = set()
        """Those that no copy would get."""
        self.survey = CopySurvey()
        """What is said of a copy."""
        self.altered = 0
        """How often a definition was changed."""

    def restore(self, source: str, target: str, *, comment: bool = True) -> None:
        """A copy under another name, as people make it: `pg_dump -C` copies the comment, too."""
        theirs = self._at(source)
        self.held[target] = deepcopy(theirs)
        self.held[target].oid = next(self._oids)
        if not comment:
            self.held[target].comment = ""

    def rename(self, name: str, other: str) -> None:
        """ALTER DATABASE … RENAME: the comment and the oid stay."""
        self.held[other] = self.held.pop(name)

    def write(self, name: str, role: str, table: str, rows: int = 1) -> None:
        """A client inserts rows. Raises WriteRefused."""
        database = self._at(name)
        wanted = Grant(On.TABLE, tuple(table.split(".")), role, "INSERT")
        if wanted not in database.grants:
            raise WriteRefused(f"permission denied for {role} on {table}")
        database.rows[table] += rows
        database.changed[table] += rows

    @contextmanager
    def open_writer(self, name: str) -> Iterator[None]:
        """A client's transaction that has written and is not over."""
        self._at(name).writing += 1
        try:
            yield
        finally:
            self._at(name).writing -= 1

    def copy(self, source: str, target: str) -> None:
        """What dump | restore does."""
        theirs, ours = self._at(source), self._at(target)
        ours.rows, ours.sequences = dict(theirs.rows), dict(theirs.sequences)
        ours.changed = dict(theirs.rows)

    def databases(self) -> tuple[DatabaseInfo, ...]:
        self._may_fail("databases")
        return self._infos()

    def size(self, name: str) -> int:
        self._may_fail("size")
        return _size(self.held[name]) if name in self.held else 0

    def create(self, name: str, owner_role: str, memory: Memory, like: str = "") -> None:
        self._may_fail("create")
        if like:
            self._at(like)
        if name in self.held:
            raise DatabaseError(f'cannot create database {name}: database "{name}" already exists')
        grants = {Grant(On.DATABASE, (), owner_role, "CREATE")}
        oid = next(self._oids)
        text = m.encode(replace(memory, name=name, oid=oid))
        self.held[name] = FakeDatabase(owner_role, text, oid, grants=grants)

    def remember(self, seen: DatabaseInfo, memory: Memory) -> None:
        self._may_fail("remember")
        now = _info(seen.name, self._at(seen.name))
        if (now.oid, now.memory, now.foreign) != (seen.oid, seen.memory, seen.foreign):
            raise Refused(f"database {seen.name} has changed since it was shown")
        self.held[seen.name].comment = m.encode(memory)

    def drop(self, name: str, act: FencedAct, ours: Sequence[str] = ()) -> None:
        self._may_fail("drop")
        if name not in self.held:
            return
        claim = identity.proved(name, self._infos(), act)
        database, ours = self.held[name], () if claim.making else (*ours, SUPERUSER)
        others = [role for role in database.sessions if role not in ours]
        if others:
            raise Refused(identity.in_use(name, others))
        if claim.making and database.rows:
            raise Refused(identity.not_empty(name))
        del self.held[name]

    def shut(self, name: str, act: FencedAct, app_roles: Sequence[str], max_wait: float) -> Shut:
        self._may_fail("shut")
        database, memory = self._admitted(name, act)
        if SUPERUSER in app_roles:
            raise Refused(f"role {SUPERUSER} cannot be shut out")
        if database.writing:
            raise DatabaseError(f"writers still open after {max_wait:g} s in database {name}")
        taken = frozenset(database.grants)
        database.grants.clear()
        database.version += 1
        database.comment = m.encode(m.shut(memory, taken, _TIME))
        return Shut(taken, already=memory.state is State.SHUT)

    def examine(self, name: str, roles: Sequence[str]) -> Findings:
        self._may_fail("examine")
        database = self._at(name) if name else FakeDatabase("")
        known = {database.owner, *roles} - self.missing
        tables = [one for one in database.grants if one.on is On.TABLE]
        strange = {one.to for one in tables} - {*roles, database.owner, *self.describe_groups}
        return Findings(
            missing=frozenset(roles) - known,
            unbound={one: "is a superuser" for one in roles if one == SUPERUSER},
            members=frozenset({roles[0], *self.describe_groups}),
            others={who: frozenset(one for one in tables if one.to == who) for who in strange},
            large_objects=database.large_objects,
            powerless=frozenset(self.powerless),
            extensions=frozenset(self.extensions),
        )

    def thaw(self, name: str, act: FencedAct) -> Thawed:
        self._may_fail("thaw")
        database, memory = self._admitted(name, act)
        if not database.grants | memory.acls:
            raise DatabaseError(f"cannot thaw {name}: its memory of what to give back is gone")
        database.grants |= memory.acls
        database.version += len(memory.acls)
        database.comment = m.encode(m.opened(memory, _TIME))
        return Thawed(memory.acls)

    def prepare_thaw(self, name: str, act: FencedAct) -> FakePreparedThaw:
        self._may_fail("prepare_thaw")
        self._admitted(name, act)
        return FakePreparedThaw(self, name, act)

    def hold(self, name: str, ledger: str, reason: str | None) -> None:
        self._may_fail("hold")
        memory = _info(name, self._at(name)).memory
        if memory is None or memory.ledger != ledger:
            raise Refused(f"database {name} has no memory of this service's ledger")
        self._at(name).comment = m.encode(replace(memory, hold=reason))

    def disown(self, name: str, act: FencedAct) -> None:
        self._may_fail("disown")
        if _info(name, self._at(name)).memory is None:
            return
        database, memory = self._admitted(name, act)
        m.refuse_shut(memory, name)
        database.comment = memory.note

    def is_shut(self, name: str) -> bool:
        self._may_fail("is_shut")
        database = self._at(name)
        memory = _own(name, database)
        return memory is not None and memory.state is State.SHUT and not database.grants

    def writers(self, name: str) -> frozenset[Grant]:
        self._may_fail("writers")
        return frozenset(self._at(name).grants)

    def row_counts(self, name: str) -> Mapping[str, int]:
        self._may_fail("row_counts")
        return dict(self._at(name).rows)

    def sequence_values(self, name: str) -> Mapping[str, str]:
        self._may_fail("sequence_values")
        return dict(self._at(name).sequences)

    def schema_digest(self, name: str) -> str:
        self._may_fail("schema_digest")
        return f"{self._at(name).version} {self._at(name).large_objects}"

    def survey_copy(self, name: str, app_role: str) -> CopySurvey:
        self._may_fail("survey_copy")
        assert app_role
        self._at(name)
        return self.survey

    def definitions(self, name: str) -> str:
        self._may_fail("definitions")
        return f"{sorted(self._at(name).rows)} {self.altered}"

    def lend(self, name: str, owner: str) -> frozenset[Grant]:
        self._may_fail("lend")
        assert owner == self._at(name).owner
        return frozenset()

    def open_like(self, name: str, source: str, lent: frozenset[Grant] = frozenset()) -> None:
        self._may_fail("open_like")
        theirs, ours = self._at(source), self._at(name)
        memory = _own(source, theirs)
        saved = memory.acls if memory else frozenset()
        ours.grants -= lent
        ours.grants |= normal(theirs.grants | saved)

    def analyze(self, name: str) -> None:
        self._may_fail("analyze")
        self._at(name)

    def record_baseline(self, name: str, act: FencedAct) -> None:
        self._may_fail("record_baseline")
        database, memory = self._admitted(name, act)
        tables = {table: (n, 0) for table, n in database.changed.items()}
        database.comment = m.encode(replace(memory, baseline=Baseline("fake", tables)))

    def changes_since_baseline(self, name: str) -> Changes:
        self._may_fail("changes_since_baseline")
        database = self._at(name)
        memory = _own(name, database)
        if memory is None or memory.baseline is None:
            return Changes(unknown=True)
        before = memory.baseline.tables
        grown = {one: n - before.get(one, (0, 0))[0] for one, n in database.changed.items()}
        return Changes({one: n for one, n in sorted(grown.items()) if n})

    def final_changes(self, name: str) -> Changes:
        return self.changes_since_baseline(name)

    def _may_fail(self, method: str) -> None:
        if method in self.failing:
            raise self.failing[method]

    def _at(self, name: str) -> FakeDatabase:
        if name not in self.held:
            raise DatabaseError(f'database "{name}" does not exist')
        return self.held[name]

    def _admitted(self, name: str, act: FencedAct) -> tuple[FakeDatabase, Memory]:
        return self._at(name), identity.judged(self._infos(), name, act, _TIME)

    def _infos(self) -> tuple[DatabaseInfo, ...]:
        return tuple(_info(name, one) for name, one in sorted(self.held.items()))


@dataclass
class FakePreparedThaw:
    """Implements `PreparedThaw`: nothing happens before `commit`, or after `close`."""

    server: FakeServer
    name: str
    act: FencedAct
    over: bool = False

    def refuse_open(self, other: str) -> None:
        found = {one.name: one.memory for one in self.server.databases()}.get(other)
        if found is None or found.state is not State.SHUT:
            raise DatabaseError(f"cannot thaw {self.name}: {other} takes writes again")

    def commit(self) -> None:
        if self.over:
            raise DatabaseError(f"cannot thaw {self.name}: the session is closed")
        self.over = True
        self.server.thaw(self.name, self.act)

    def close(self) -> None:
        self.over = True


def _size(database: FakeDatabase) -> int:
    return 8_000_000 + 100 * sum(database.rows.values())


def _info(name: str, database: FakeDatabase) -> DatabaseInfo:
    try:
        memory = m.parse(database.comment) if database.comment else None
    except m.ForeignComment:
        said = database.comment
        return DatabaseInfo(name, database.owner, _size(database), None, said, database.oid)
    return DatabaseInfo(name, database.owner, _size(database), memory, oid=database.oid)


def _own(name: str, database: FakeDatabase) -> Memory | None:
    """Its memory, unless that was copied along."""
    memory = _info(name, database).memory
    return memory if memory and (memory.old or memory.of(name, database.oid)) else None
