"""What every DatabaseServer does, asked of the fake and of a real PostgreSQL alike."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

import psycopg
import pytest

from reconciler.database.port import DatabaseInfo, DatabaseServer
from reconciler.database.state_comment import Memory, State
from reconciler.errors import DatabaseError, Refused, StaleAct
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from tests.fakes.database import FakeServer, WriteRefused
from tests.support.postgres_cluster import Cluster

SHOP = DeployId.parse("shop/20261123T031502Z-7kq2m")
LEDGER = "Z123/shop._deploy.example.com"
MEMORY = Memory(SHOP, LEDGER, datetime(2026, 11, 23, 3, 20, tzinfo=UTC), generation=3)
TABLE = "public.orders"


class World(Protocol):
    """A server, and what the application does on it."""

    @property
    def server(self) -> DatabaseServer:
        """What the contract is about."""
        ...

    def new_name(self) -> str:
        """A name that no database has."""
        ...

    def fill(self, name: str) -> None:
        """Make the table `orders` with two rows, as the application."""
        ...

    def write(self, name: str) -> None:
        """Insert a row, as the application. Raises WriteRefused."""
        ...

    def writing(self, name: str) -> AbstractContextManager[None]:
        """An open transaction of the application that has written."""
        ...

    def copy(self, source: str, target: str) -> None:
        """Put the source's content into the target, as dump and restore do."""
        ...

    def remark(self, name: str, comment: str) -> None:
        """Write a comment, as people do."""
        ...

    def rename(self, name: str, other: str) -> None:
        """Rename a database, as people do."""
        ...

    def restore(self, name: str) -> str:
        """Rename it, and restore a backup under its name with `-C`; returns the original's name."""
        ...

    def connected(self, name: str, role: str) -> AbstractContextManager[None]:
        """A session of that role."""
        ...

    def goes(self, name: str) -> str:
        """The name of a database that is dropped after the test."""
        ...


@dataclass
class Paper:
    """The fake."""

    server: FakeServer = field(default_factory=FakeServer)

    def new_name(self) -> str:
        return f"d{len(self.server.held)}"

    def fill(self, name: str) -> None:
        self.server.held[name].add_table(TABLE, rows=2)

    def write(self, name: str) -> None:
        self.server.write(name, "app", TABLE)

    def writing(self, name: str) -> AbstractContextManager[None]:
        return self.server.open_writer(name)

    def copy(self, source: str, target: str) -> None:
        self.server.copy(source, target)

    def remark(self, name: str, comment: str) -> None:
        self.server.held[name].comment = comment

    def rename(self, name: str, other: str) -> None:
        self.server.rename(name, other)

    def restore(self, name: str) -> str:
        self.server.rename(name, f"{name}_old")
        self.server.restore(f"{name}_old", name)
        return f"{name}_old"

    @contextmanager
    def connected(self, name: str, role: str) -> Iterator[None]:
        self.server.held[name].sessions.append(role)
        yield

    def goes(self, name: str) -> str:
        return name


@dataclass
class Real:
    """PostgreSQL, by one of its administrators."""

    cluster: Cluster
    admin: str
    made: list[str] = field(default_factory=list)

    @property
    def server(self) -> DatabaseServer:
        return self.cluster.server(self.admin)

    def new_name(self) -> str:
        return self.goes(self.cluster.new_name())

    def fill(self, name: str) -> None:
        self.cluster.execute(name, "CREATE TABLE orders (n int); INSERT INTO orders VALUES (1),(2)")

    def write(self, name: str) -> None:
        try:
            self.cluster.execute(name, "INSERT INTO orders VALUES (3)")
        except psycopg.errors.InsufficientPrivilege as error:
            raise WriteRefused from error

    @contextmanager
    def writing(self, name: str) -> Iterator[None]:
        with self.cluster.connect(name) as app, app.transaction():
            app.execute("INSERT INTO orders VALUES (3)")
            yield

    def copy(self, source: str, target: str) -> None:
        # What is restored of a shut source is as shut as the source was.
        self.cluster.execute(target, "CREATE TABLE orders (n int)")
        with self.cluster.connect(source) as theirs, self.cluster.connect(target) as ours:
            rows = theirs.execute("SELECT n FROM orders").fetchall()
            ours.cursor().executemany("INSERT INTO orders VALUES (%s)", rows)
            ours.execute("REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON orders FROM app")

    def remark(self, name: str, comment: str) -> None:
        self.cluster.execute(name, f"COMMENT ON DATABASE {name} IS '{comment}'")

    def rename(self, name: str, other: str) -> None:
        self.cluster.execute("postgres", f"ALTER DATABASE {name} RENAME TO {other}", "root")
        self.goes(other)

    def restore(self, name: str) -> str:
        dump = self._run("pg_dump", "--format=custom", "--create", self.cluster.url(dbname=name))
        self.rename(name, f"{name}_old")
        self._run("pg_restore", "--create", "-d", self.cluster.url(), given=dump)
        return f"{name}_old"

    def _run(self, tool: str, *args: str, given: bytes = b"") -> bytes:
        line = [str(self.cluster.bin / tool), *args]
        return subprocess.run(line, input=given, stdout=subprocess.PIPE, check=True).stdout

    @contextmanager
    def connected(self, name: str, role: str) -> Iterator[None]:
        session = self.cluster.connect(name, role)
        try:
            yield
        finally:
            session.close()

    def goes(self, name: str) -> str:
        self.made.append(name)
        return name


@pytest.fixture(params=["fake", "admin", "plain"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """The fake, or the real one with the rights of RDS or the least: the contract is the same."""
    if request.param == "fake":
        yield Paper()
        return
    real = Real(request.getfixturevalue("cluster"), request.param)
    yield real
    for name in real.made:
        real.cluster.drop(name)


@pytest.fixture
def name(world: World) -> str:
    """A database that a deploy made, with a table."""
    name = world.new_name()
    world.server.create(name, "app", MEMORY)
    world.fill(name)
    return name


def act(generation: int, ledger: str = LEDGER) -> FencedAct:
    """An act of that generation."""
    return FencedAct(generation, SHOP, ledger)


def info(world: World, name: str) -> DatabaseInfo:
    """The database as it is listed."""
    return next(one for one in world.server.databases() if one.name == name)


def test_created_is_listed(world: World, name: str) -> None:
    """A new database is listed with its owner, its size and its memory."""
    found = info(world, name)
    memory = replace(MEMORY, name=name, oid=found.oid)
    assert (found.owner, found.memory, found.foreign) == ("app", memory, "")
    assert found.size_bytes == world.server.size(name) > 0


def test_a_name_is_taken_once(world: World, name: str) -> None:
    """Creating what is there fails: nobody fills a database that is not fresh."""
    with pytest.raises(DatabaseError, match="already exists"):
        world.server.create(name, "app", MEMORY)


def test_like_what_is_not_there(world: World) -> None:
    """A database cannot be made like one that is missing; nothing is left of the attempt."""
    name = world.new_name()
    with pytest.raises(DatabaseError):
        world.server.create(name, "app", MEMORY, like="missing")
    assert name not in [one.name for one in world.server.databases()]


def test_peoples_comment_is_foreign(world: World, name: str) -> None:
    """A comment that is not ours is shown as it is, and is no memory."""
    world.remark(name, "ask Ann")
    found = info(world, name)
    assert (found.memory, found.foreign) == (None, "ask Ann")


def test_shut_and_thaw(world: World, name: str) -> None:
    """Shut, no write passes; thawed, writes pass; both are seen by looking."""
    world.write(name)
    assert not world.server.is_shut(name)
    world.server.shut(name, act(5), ["app"], 2)
    assert world.server.is_shut(name)
    assert not world.server.writers(name)
    with pytest.raises(WriteRefused):
        world.write(name)
    world.server.thaw(name, act(6))
    assert not world.server.is_shut(name)
    world.write(name)


def test_a_prepared_thaw_is_seen_once_it_is_committed(world: World, name: str) -> None:
    """Shut for everybody until then; and what is closed before never happens."""
    world.server.shut(name, act(5), ["app"], 2)
    given_up = world.server.prepare_thaw(name, act(6))
    given_up.close()
    with pytest.raises(DatabaseError):
        given_up.commit()
    prepared = world.server.prepare_thaw(name, act(6))
    assert world.server.is_shut(name)
    prepared.commit()
    prepared.close()
    assert not world.server.is_shut(name)
    world.write(name)


def test_a_prepared_thaw_refuses_beside_an_open_database(world: World, name: str) -> None:
    """The other one is looked at when it is asked, not when the thaw was begun."""
    other = world.new_name()
    world.server.create(other, "app", MEMORY)
    world.fill(other)
    world.server.shut(name, act(5), ["app"], 2)
    prepared = world.server.prepare_thaw(name, act(6))
    with pytest.raises(DatabaseError, match="takes writes again"):
        prepared.refuse_open(other)
    world.server.shut(other, act(5), ["app"], 2)
    prepared.refuse_open(other)
    prepared.close()


def test_a_late_thaw_is_not_even_prepared(world: World, name: str) -> None:
    """The fence is asked before, under the lock that is held until its end."""
    world.server.shut(name, act(5), ["app"], 2)
    with pytest.raises(StaleAct):
        world.server.prepare_thaw(name, act(4))
    assert world.server.is_shut(name)


def test_the_memory_keeps_the_fence(world: World, name: str) -> None:
    """The memory says state and generation of the last act that was obeyed."""
    world.server.shut(name, act(5), ["app"], 2)
    memory = info(world, name).memory
    assert memory is not None
    assert (memory.state, memory.generation) == (State.SHUT, 5)


def test_late_acts_are_refused(world: World, name: str) -> None:
    """Whatever has been obeyed, an older act changes nothing."""
    with pytest.raises(StaleAct):
        world.server.shut(name, act(2), ["app"], 2)
    world.server.shut(name, act(5), ["app"], 2)
    with pytest.raises(StaleAct):
        world.server.thaw(name, act(4))
    with pytest.raises(StaleAct):
        world.server.record_baseline(name, act(4))
    assert world.server.is_shut(name)


def test_the_same_act_again(world: World, name: str) -> None:
    """A repeated act is harmless, and a thaw gives back what the first freeze took."""
    for generation in (5, 5, 6):
        world.server.shut(name, act(generation), ["app"], 2)
    for generation in (7, 7):
        world.server.thaw(name, act(generation))
    world.write(name)


def test_another_ledgers_database(world: World, name: str) -> None:
    """What belongs to another ledger is left alone."""
    with pytest.raises(Refused):
        world.server.shut(name, act(5, "Z9/other._deploy.example.com"), ["app"], 2)
    world.write(name)


def test_a_superuser_is_refused(world: World, name: str) -> None:
    """An application role that nothing binds cannot be frozen out."""
    with pytest.raises(Refused):
        world.server.shut(name, act(5), ["root"], 2)
    assert not world.server.is_shut(name)


def test_an_open_writer_is_waited_for(world: World, name: str) -> None:
    """If it does not end in time, the freeze gives up and nothing has changed."""
    before = info(world, name).memory
    with world.writing(name), pytest.raises(DatabaseError, match="writers still open"):
        world.server.shut(name, act(5), ["app"], 0.2)
    world.write(name)
    assert info(world, name).memory == before


def test_rows_are_counted(world: World, name: str) -> None:
    """Every table's rows, exactly."""
    world.write(name)
    assert world.server.row_counts(name) == {TABLE: 3}


def test_a_database_that_is_missing(world: World) -> None:
    """Acting on what is not there is an error, not a silence."""
    with pytest.raises(DatabaseError, match="does not exist"):
        world.server.shut("missing", act(5), ["app"], 1)
    with pytest.raises(DatabaseError, match="does not exist"):
        world.server.is_shut("missing")


def test_the_digest_tells_a_thaw(world: World, name: str) -> None:
    """Opened and shut again in between: the digest of a freeze is another one."""
    world.server.shut(name, act(5), ["app"], 2)
    first = world.server.schema_digest(name)
    assert first == world.server.schema_digest(name)
    world.server.thaw(name, act(6))
    world.server.shut(name, act(7), ["app"], 2)
    assert world.server.is_shut(name)
    assert first != world.server.schema_digest(name)


def test_a_copy_is_opened_like_its_source(world: World, name: str) -> None:
    """The copy of a shut database takes writes; its source stays shut."""
    copy = world.new_name()
    world.server.shut(name, act(5), ["app"], 2)
    world.server.create(copy, "app", MEMORY, like=name)
    world.copy(name, copy)
    world.server.open_like(copy, name)
    world.server.open_like(copy, name)
    world.server.analyze(copy)
    world.write(copy)
    assert world.server.row_counts(copy) == {TABLE: 3}
    assert world.server.is_shut(name)


def test_changes_since_a_baseline(world: World, name: str) -> None:
    """Rows changed since the baseline are counted; without one, nothing is known."""
    assert world.server.changes_since_baseline(name).unknown
    world.server.record_baseline(name, act(5))
    before = world.server.changes_since_baseline(name)
    assert (before.at_least, before.unknown, before.any) == (0, False, False)
    world.write(name)
    world.write(name)
    after = world.server.changes_since_baseline(name)
    assert (dict(after.tables), after.at_least, after.unknown) == ({TABLE: 2}, 2, False)


def test_a_freeze_keeps_the_baseline(world: World, name: str) -> None:
    """Shutting the newer database before a rollback does not forget what to count from."""
    world.server.record_baseline(name, act(5))
    world.write(name)
    world.server.shut(name, act(6), ["app"], 2)
    changes = world.server.changes_since_baseline(name)
    assert (changes.at_least, changes.unknown) == (1, False)


def test_a_hold_stays_through_every_act(world: World, name: str) -> None:
    """Freeze, baseline and thaw keep it; the fence is not moved; only letting go ends it."""
    server = world.server
    server.hold(name, LEDGER, "")
    server.shut(name, FencedAct(5, SHOP, LEDGER), ["app"], 5)
    server.record_baseline(name, FencedAct(5, SHOP, LEDGER))
    server.thaw(name, FencedAct(6, SHOP, LEDGER))
    memory = info(world, name).memory
    assert memory is not None
    assert (memory.hold, memory.generation) == ("", 6)
    server.hold(name, LEDGER, None)
    memory = info(world, name).memory
    assert memory is not None
    assert (memory.hold, memory.generation) == (None, 6)


def test_disowned_it_is_as_people_had_it(world: World, name: str) -> None:
    """The memory goes and their words come back; the fence is checked first; twice is once."""
    server = world.server
    seen = info(world, name)
    assert seen.memory is not None
    server.remember(seen, replace(seen.memory, note="orders since 2019"))
    server.record_baseline(name, act(6))
    with pytest.raises(StaleAct):
        server.disown(name, act(5))
    server.disown(name, act(7))
    server.disown(name, act(7))
    left = info(world, name)
    assert (left.memory, left.foreign) == (None, "orders since 2019")
    world.write(name)


def test_a_shut_database_is_not_disowned(world: World, name: str) -> None:
    """Its memory alone says how to open it again."""
    world.server.shut(name, act(5), ["app"], 2)
    with pytest.raises(Refused, match="is shut for writes") as refused:
        world.server.disown(name, act(6))
    assert "deployer leave" in refused.value.cure
    assert world.server.is_shut(name)


def test_a_hold_wants_our_memory(world: World, name: str) -> None:
    """What people wrote as a comment is not overwritten, nor another ledger's memory."""
    with pytest.raises(Refused, match="has no memory of this service's ledger"):
        world.server.hold(name, "Z9/shop._deploy.example.org", "ask Ann")
    world.remark(name, "ask Ann")
    with pytest.raises(Refused, match="has no memory of this service's ledger"):
        world.server.hold(name, LEDGER, "ask Ann")
    assert info(world, name).foreign == "ask Ann"
