"""The port: what the use cases need of a database server.

Every act on one database is one transaction there; a lost reply is answered by looking (`is_shut`,
`databases`), never by guessing. Implemented by `reconciler.database.postgres.engine`, and by
`tests.fakes.database` for the tests of use cases; one contract suite holds both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.database.findings import Findings
from reconciler.database.grants import Grant
from reconciler.database.state_comment import Memory
from reconciler.model.fencing import FencedAct


@dataclass(frozen=True)
class DatabaseInfo:
    """One database of the server.

    size_bytes  None where the admin may not look into it
    memory      None where there is no comment, or one that is not ours: then `foreign` has it
    oid         the server's own number of it, which nothing else has or gets
    """

    name: str
    owner: str
    size_bytes: int | None = None
    memory: Memory | None = None
    foreign: str = ""
    oid: int = 0


@dataclass(frozen=True)
class Shut:
    """A freeze in force: what was taken away in this act, and whether it was shut before."""

    taken: frozenset[Grant] = frozenset()
    already: bool = False


@dataclass(frozen=True)
class Thawed:
    """A thaw in force: what was given back, and what could not be: its object or role is gone."""

    given: frozenset[Grant] = frozenset()
    lost: frozenset[Grant] = frozenset()


@dataclass(frozen=True)
class Changes:
    """Rows inserted, updated and deleted since a baseline, for each `schema.table` that has any.

    From the server's statistics: sessions hand their last seconds in late (so "at least"), and
    rows of transactions that were rolled back are counted. `unknown` when the statistics were
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
        """Whether something may be lost by giving this database up."""
        return self.unknown or self.at_least > 0


class DatabaseServer(Protocol):
    """A server with the databases of one or more services on it.

    Every method raises DatabaseError (refused or out of reach, the server's own words in it) and
    AccessDenied (the admin's login or a privilege of it is missing).
    """

    def databases(self) -> tuple[DatabaseInfo, ...]:
        """Every database but the templates, by name, with its memory; one query."""
        ...

    def size(self, name: str) -> int:
        """Bytes on disk; 0 where there is no such database."""
        ...

    def create(self, name: str, owner_role: str, memory: Memory, like: str = "") -> None:
        """A new empty database owned by `owner_role`, whose memory names it.

        With `like`, encoding and locale are that database's. It is made under another name, gets
        its memory, then its own name (rule 15): a crash in between leaves an empty `…_making`.
        Raises DatabaseError if the name is taken.
        """
        ...

    def remember(self, seen: DatabaseInfo, memory: Memory) -> None:
        """Write the memory anew, naming the database, of one that still is as it was seen.

        With `oid` 0 in `memory`, it names none: then the database is nobody's here. Raises Refused
        where name, oid or comment are others by now.
        """
        ...

    def drop(self, name: str, act: FencedAct, ours: Sequence[str] = ()) -> None:
        """Drop a database that the act's deploy has made, look whether it is gone.

        One that is missing is gone. Sessions of the admin's role and of `ours` are ended. Raises
        Refused, with nothing done, for what is not proved to be that deploy's, and while others
        are connected to it; for one that is still being made, if it is not empty or in use at all.
        """
        ...

    def shut(self, name: str, act: FencedAct, app_roles: Sequence[str], max_wait: float) -> Shut:
        """No write of the service's roles can commit once this returns.

        Waits for open writers up to `max_wait` seconds; then raises DatabaseError with nothing
        changed. Raises StaleAct for an older generation, Refused for a role that no privilege
        binds (a superuser) and for another ledger's database.
        """
        ...

    def examine(self, name: str, roles: Sequence[str]) -> Findings:
        """What hinders a release: of the app's role (the first), its login, others, large objects.

        `name` is '' for the roles alone, where there is no live database yet.
        """
        ...

    def thaw(self, name: str, act: FencedAct) -> Thawed:
        """Give back exactly what `shut` took. Harmless twice. Raises StaleAct, Refused."""
        ...

    def hold(self, name: str, ledger: str, reason: str | None) -> None:
        """Keep it from every sweep for `reason`; None lets go of it. The fence stays as it is.

        Raises Refused for a database that has no memory of `ledger`.
        """
        ...

    def is_shut(self, name: str) -> bool:
        """Whether the memory says so *and* nobody has a privilege to write, looked at now."""
        ...

    def writers(self, name: str) -> frozenset[Grant]:
        """Every privilege to write that is in force now, superusers' left out."""
        ...

    def row_counts(self, name: str) -> Mapping[str, int]:
        """Rows of every `schema.table`, exactly, in one snapshot."""
        ...

    def sequence_values(self, name: str) -> Mapping[str, str]:
        """Where every `schema.sequence` stands: its last value, and `*` if that is used up."""
        ...

    def schema_digest(self, name: str) -> str:
        """Changes whenever a definition, an owner or a privilege is changed, even if changed back.

        Compared within one database, across a freeze: what an owner may do though it is shut.
        """
        ...

    def open_like(self, name: str, source: str) -> None:
        """Give a copy what the dump of a shut `source` lacks.

        That is every privilege to write that `source` has when it is open, its own settings
        (ALTER DATABASE … SET) and the privileges on the database itself. Harmless twice.
        """
        ...

    def analyze(self, name: str) -> None:
        """Give the planner its statistics: a restored database has none and would be slow."""
        ...

    def record_baseline(self, name: str, act: FencedAct) -> None:
        """Remember the row-change counters as they are now. Raises StaleAct, Refused."""
        ...

    def changes_since_baseline(self, name: str) -> Changes:
        """What was written since `record_baseline`."""
        ...

    def final_changes(self, name: str) -> Changes:
        """The same of a database that was shut, once every session has counted what it wrote.

        Waits for that some ten seconds at most, and only while nothing is known to be lost.
        """
        ...
