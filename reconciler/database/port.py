"""The port: what the use cases need of a database server.

Every act on one database is one transaction there; after a lost reply the state is read (`is_shut`,
`databases`), never guessed. Implemented by `reconciler.database.postgres.engine`, and by
`tests.fakes.database` for the tests of use cases; one contract suite covers both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.database.copying import CopySurvey
from reconciler.database.findings import Findings
from reconciler.database.grants import Grant
from reconciler.database.state_comment import Memory
from reconciler.model.fencing import FencedAct


@dataclass(frozen=True)
class DatabaseInfo:
    """One database of the server.

    size_bytes  None if the admin may not read it
    memory      its state comment; None if there is none or it is not ours: then `foreign` has it
    oid         the server's own number of it, unique to this database
    """

    name: str
    owner: str
    size_bytes: int | None = None
    memory: Memory | None = None
    foreign: str = ""
    oid: int = 0


@dataclass(frozen=True)
class Shut:
    """A freeze in force: what this act revoked, and whether the database was shut before."""

    taken: frozenset[Grant] = frozenset()
    already: bool = False


@dataclass(frozen=True)
class Thawed:
    """A thaw in force: what was granted again, and what was not: its object or role is gone."""

    given: frozenset[Grant] = frozenset()
    lost: frozenset[Grant] = frozenset()


@dataclass(frozen=True)
class Changes:
    """Rows inserted, updated and deleted since a baseline, for each `schema.table` that has any.

    From the server's statistics: sessions report their last seconds late (so "at least"), and
    rows of transactions that were rolled back are counted. `unknown` if the statistics were
    reset, or a table was rewritten, truncated or dropped, or there is no baseline: counts as some.
    """

    tables: Mapping[str, int] = field(default_factory=dict)
    unknown: bool = False

    @property
    def at_least(self) -> int:
        """Rows in all."""
        return sum(self.tables.values())

    @property
    def any(self) -> bool:
        """Whether data may be lost if this database is abandoned."""
        return self.unknown or self.at_least > 0


class PreparedThaw(Protocol):
    """A thaw that takes effect with `commit`, and that nobody sees before."""

    def refuse_open(self, other: str) -> None:
        """Raises DatabaseError unless database `other` is shut by its state comment, read now."""

    def commit(self) -> None:
        """Everything is granted. Raises DatabaseError: then `thaw` is to be tried."""

    def close(self) -> None:
        """Gives it up, unless it is committed."""


class DatabaseServer(Protocol):
    """A server with the databases of one or more services on it.

    Every method raises DatabaseError (refused or out of reach, with the server's own message) and
    AccessDenied (the admin's login or a privilege of it is missing).
    """

    @property
    def endpoint(self) -> str:
        """Where it listens, as HOST:PORT."""
        ...

    def databases(self) -> tuple[DatabaseInfo, ...]:
        """Every database except the templates, by name, with its state comment; one query."""

    def size(self, name: str) -> int:
        """Bytes on disk; 0 if there is no such database."""

    def create(self, name: str, owner_role: str, memory: Memory, like: str = "") -> None:
        """Creates an empty database owned by `owner_role`, with a state comment that names it.

        With `like`, encoding and locale are that database's. It is created under another name, gets
        its comment, then its own name (rule 15): a crash in between leaves an empty `…_making`.
        Raises DatabaseError if the name is taken.
        """

    def remember(self, seen: DatabaseInfo, memory: Memory) -> None:
        """Writes the state comment, naming the database, if the database is still as seen.

        With `oid` 0 in `memory`, it names none: then no service here owns the database. Raises
        Refused if name, oid or comment have changed since.
        """

    def drop(self, name: str, act: FencedAct, ours: Sequence[str] = ()) -> None:
        """Drops a database that the act's deploy created, and checks that it is gone.

        A missing database is gone. Sessions of the admin's role and of `ours` are ended. Raises
        Refused, with nothing done, if it is not proved to be that deploy's, or while others are
        connected to it; for a database in creation, if it is not empty or in use at all.
        """

    def shut(self, name: str, act: FencedAct, app_roles: Sequence[str], max_wait: float) -> Shut:
        """No write of the service's roles can commit once this returns.

        Waits for open writers up to `max_wait` seconds; then raises DatabaseError with nothing
        changed. Raises StaleAct for an older generation, Refused for a role that no privilege
        binds (a superuser) and for another ledger's database.
        """

    def examine(self, name: str, roles: Sequence[str]) -> Findings:
        """What prevents a release: the app's role (the first), its login, others, large objects.

        `name` is '' for the roles alone, if there is no live database yet.
        """

    def thaw(self, name: str, act: FencedAct) -> Thawed:
        """Grants again exactly what `shut` revoked. Idempotent. Raises StaleAct, Refused."""

    def prepare_thaw(self, name: str, act: FencedAct) -> PreparedThaw:
        """A thaw with everything done but its end; raises what `thaw` does. The caller closes it.

        Other acts on the database wait for it, half a minute at most.
        """
        ...

    def hold(self, name: str, ledger: str, reason: str | None) -> None:
        """Protects it from every sweep for `reason`; None ends the hold. The fence is unchanged.

        Raises Refused for a database that has no state comment of `ledger`.
        """

    def disown(self, name: str, act: FencedAct) -> None:
        """Takes the state comment off, the fence with it; what people had written there comes back.

        Nothing happens to a database without one. Raises StaleAct; Refused while it is shut, and
        for a database that is not that deploy's.
        """

    def is_shut(self, name: str) -> bool:
        """Whether the comment says so *and* no role has a privilege to write, checked now."""

    def writers(self, name: str) -> frozenset[Grant]:
        """Every privilege to write that is in force now, except those of superusers."""

    def row_counts(self, name: str) -> Mapping[str, int]:
        """Rows of every `schema.table`, exactly, in one snapshot."""

    def sequence_values(self, name: str) -> Mapping[str, str]:
        """The state of every `schema.sequence`: its last value, and `*` if that is used up."""

    def schema_digest(self, name: str) -> str:
        """Changes whenever a definition, an owner or a privilege is changed, even if changed back.

        Compared within one database, across a freeze: an owner can change these though it is shut.
        """

    def survey_copy(self, name: str, app_role: str) -> CopySurvey:
        """What would make its copy fail although an empty one can be made. Changes nothing."""

    def definitions(self, name: str) -> str:
        """A digest of its definitions and privileges, of those to write as when it is open.

        So it is the same before and in a freeze, unless somebody else has changed something.
        """

    def lend(self, name: str, owner: str) -> frozenset[Grant]:
        """Grants the owner of a copy what loading it needs; returns what it did not have."""

    def open_like(self, name: str, source: str, lent: frozenset[Grant] = frozenset()) -> None:
        """Give a copy what a dump does not carry, and take back what was `lent` to load it.

        That is every privilege to write that `source` has when it is open, its own settings
        (ALTER DATABASE … SET) and the privileges on the database itself. Idempotent.
        """

    def analyze(self, name: str) -> None:
        """Creates the planner's statistics: a restored database has none and would be slow."""

    def record_baseline(self, name: str, act: FencedAct) -> None:
        """Stores the row-change counters as they are now. Raises StaleAct, Refused."""

    def changes_since_baseline(self, name: str) -> Changes:
        """What was written since `record_baseline`."""

    def final_changes(self, name: str) -> Changes:
        """The same for a shut database, once every session has reported its writes.

        Waits at most about ten seconds for that, and only while no loss is known.
        """
