"""Shut and thaw against a real PostgreSQL: what was measured before it was built, as tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from time import monotonic, sleep

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from reconciler.database.postgres import comment_store, freeze, privileges
from reconciler.database.postgres.engine import PostgresServer
from reconciler.errors import AccessDenied, DatabaseError, Refused, StaleAct, ToolError
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from tests.support.postgres_cluster import Client, Cluster, every_acl

SHOP = DeployId.parse("shop/20261123T031502Z-7kq2m")
LEDGER = "Z123/shop._deploy.example.com"
WRITES = [
    "INSERT INTO orders (total) VALUES (1)",
    "UPDATE orders SET total = 0",
    "DELETE FROM orders",
    "TRUNCATE orders, lines",
    "COPY orders (total) FROM STDIN",
    "BEGIN READ WRITE; INSERT INTO orders (total) VALUES (1); COMMIT",
    "INSERT INTO cheap (total) VALUES (1)",
    "INSERT INTO parts VALUES (3)",
    "INSERT INTO parts_low VALUES (3)",
    'INSERT INTO stock."Odd ""name" VALUES (3)',
    "SELECT nextval('tickets')",
    "SELECT setval('tickets', 99)",
    "CREATE TABLE more (n int)",
    "CREATE SCHEMA more",
    "SELECT * FROM orders FOR UPDATE",
]


def act(generation: int) -> FencedAct:
    """An act of that generation of the one ledger in these tests."""
    return FencedAct(generation, SHOP, LEDGER)


def shut(server: PostgresServer, name: str, generation: int = 5, max_wait: float = 5.0) -> None:
    """Freeze, with what most tests want."""
    server.shut(name, act(generation), ["app"], max_wait)


def attempt(session: Client, text: str) -> None:
    """Run one write; COPY sends a row."""
    if text.startswith("COPY"):
        with session.cursor().copy(text.encode()) as copy:
            copy.write("1\n")
    else:
        try:
            session.execute(text.encode())
        finally:
            session.rollback()


def when(condition: Callable[[], bool]) -> None:
    """Wait until it holds, ten seconds at most."""
    deadline = monotonic() + 10
    while not condition():
        assert monotonic() < deadline, "it never came true"
        sleep(0.01)


def waiting(cluster: Cluster, name: str, count: int = 1, seconds: float = 0) -> Callable[[], bool]:
    """Whether so many sessions of the database have waited so long for a lock."""

    def look() -> bool:
        with cluster.connect("postgres", "admin") as admin:
            text = """SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                      WHERE NOT granted AND datname = %s
                      AND waitstart <= clock_timestamp() - %s * interval '1 second'"""
            ((found,),) = admin.execute(text, [name, seconds]).fetchall()
            return int(str(found)) >= count

    return look


def test_no_write_passes(cluster: Cluster, server: PostgresServer, database: str) -> None:
    """A shut database refuses every kind of write of its own owner, in an open session too."""
    with cluster.connect(database) as app:
        app.execute("SELECT 1 FROM orders")
        shut(server, database)
        for write in WRITES:
            with pytest.raises(InsufficientPrivilege):
                attempt(app, write)


@pytest.mark.parametrize(
    ("role", "write"),
    [
        ("clerk", "INSERT INTO orders (total) VALUES (1)"),
        ("reporter", "UPDATE orders SET note = 'x'"),
        ("reporter", 'INSERT INTO stock."Odd ""name" VALUES (1)'),
    ],
)
def test_others_are_shut_out_too(
    cluster: Cluster, server: PostgresServer, database: str, role: str, write: str
) -> None:
    """What was granted to other roles, to a column or to PUBLIC is taken as well."""
    with cluster.connect(database, role) as session:
        shut(server, database)
        with pytest.raises(InsufficientPrivilege):
            session.execute(write.encode())


def test_open_sessions_go_on_reading(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """Reads are not disturbed by a freeze, in a transaction that was open or in a new one."""
    with cluster.connect(database) as app, app.transaction():
        app.execute("SELECT count(*) FROM orders")
        shut(server, database)
        assert app.execute("SELECT count(*) FROM orders").fetchone() == (100,)


def test_prepared_statements_are_refused(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """A statement that was prepared and run while open is refused once shut."""
    with cluster.connect(database) as app:
        app.execute("PREPARE buy AS INSERT INTO orders (total) VALUES ($1)")
        app.execute("EXECUTE buy (1)")
        shut(server, database)
        with pytest.raises(InsufficientPrivilege):
            app.execute("EXECUTE buy (2)")


def test_waits_for_open_writers(cluster: Cluster, server: PostgresServer, database: str) -> None:
    """A write that was open when the freeze began commits, and is in the frozen database."""
    with ThreadPoolExecutor() as pool, cluster.connect(database) as app:
        with app.transaction():
            app.execute("INSERT INTO orders (total) VALUES (1)")
            freeze = pool.submit(shut, server, database)
            when(waiting(cluster, database, 1))
        freeze.result(timeout=10)
        assert server.row_counts(database)["public.orders"] == 101


def test_writers_that_waited_are_refused(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """A write that queued behind the freeze is checked again after the wait, and refused."""

    def late() -> None:
        with cluster.connect(database) as session:
            session.execute("INSERT INTO orders (total) VALUES (7)")

    with ThreadPoolExecutor() as pool, cluster.connect(database, "admin") as blocker:
        with blocker.transaction():
            # Holds the freeze up in the middle: orders is locked by it, stock is not yet.
            blocker.execute('LOCK TABLE stock."Odd ""name" IN ROW EXCLUSIVE MODE')
            freeze = pool.submit(shut, server, database)
            when(waiting(cluster, database, 1))
            writer: Future[None] = pool.submit(late)
            when(waiting(cluster, database, 2))
        freeze.result(timeout=10)
        with pytest.raises(InsufficientPrivilege):
            writer.result(timeout=10)


def test_gives_up_without_disturbing(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """A writer that stays longer than the wait: the freeze fails, names it, changes nothing."""
    with cluster.connect(database) as app, cluster.connect(database) as other:
        before = every_acl(other)
        with app.transaction():
            app.execute("INSERT INTO orders (total) VALUES (1)")
            began = monotonic()
            with pytest.raises(DatabaseError, match=r"writers still open after 0\.3s") as caught:
                shut(server, database, max_wait=0.3)
            assert monotonic() - began < 15
            other.execute("INSERT INTO orders (total) VALUES (2)")
        assert "role app" in caught.value.detail
        assert every_acl(other) == before
        assert not server.is_shut(database)


def test_a_writer_is_no_deadlock_victim(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """Two tables locked the other way round: the writer commits, the freeze waits for it.

    The freeze has waited longer than deadlock_timeout by then, so its own search for a deadlock
    is over; only the writer would still search, find one, and be the victim.
    """
    with ThreadPoolExecutor() as pool, cluster.connect(database) as app:
        with app.transaction():
            app.execute('INSERT INTO stock."Odd ""name" VALUES (1)')
            freeze = pool.submit(shut, server, database, 5, 20.0)
            when(waiting(cluster, database, seconds=1.05))
            app.execute("INSERT INTO orders (total) VALUES (1)")
        freeze.result(timeout=20)
        assert server.is_shut(database)


def test_thaw_gives_back_exactly(cluster: Cluster, server: PostgresServer, database: str) -> None:
    """Every privilege of every role is as before: defaults, columns, PUBLIC, grant options."""
    with cluster.connect(database) as app:
        before = every_acl(app)
        shut(server, database)
        assert every_acl(app) != before
        thawed = server.thaw(database, act(6))
        assert every_acl(app) == before
        assert thawed.lost == frozenset()
        for write in WRITES[:3]:
            attempt(app, write)


def test_privileges_passed_on_come_back(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """What a role with the grant option gave to another is taken and given back too."""
    with cluster.connect(database, "clerk") as clerk:
        clerk.execute("GRANT INSERT ON orders TO reporter")
        before = every_acl(clerk)
        shut(server, database)
        assert not server.writers(database)
        server.thaw(database, act(6))
        assert every_acl(clerk) == before


def test_thaw_is_harmless_twice(cluster: Cluster, server: PostgresServer, database: str) -> None:
    """A thaw that is repeated, or of a database that is open, changes nothing."""
    with cluster.connect(database) as app:
        before = every_acl(app)
        server.thaw(database, act(4))
        shut(server, database)
        server.thaw(database, act(6))
        server.thaw(database, act(6))
        assert every_acl(app) == before


def test_shut_again_keeps_what_was_saved(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """A second freeze raises the fence and loses nothing of what a thaw must give back."""
    with cluster.connect(database) as app:
        before = every_acl(app)
        shut(server, database, 5)
        again = server.shut(database, act(7), ["app"], 5)
        assert again.already
        assert again.taken == frozenset()
        with pytest.raises(StaleAct):
            server.thaw(database, act(6))
        server.thaw(database, act(8))
        assert every_acl(app) == before


def test_a_late_thaw_is_refused(server: PostgresServer, database: str) -> None:
    """A thaw of an older generation than the freeze leaves it shut."""
    shut(server, database, 5)
    with pytest.raises(StaleAct, match="generation 4: it has obeyed 5"):
        server.thaw(database, act(4))
    assert server.is_shut(database)


def test_a_late_freeze_is_refused(cluster: Cluster, server: PostgresServer, database: str) -> None:
    """A freeze of an older generation than the thaw leaves it open."""
    shut(server, database, 5)
    server.thaw(database, act(6))
    with pytest.raises(StaleAct):
        shut(server, database, 5)
    with cluster.connect(database) as app:
        app.execute("INSERT INTO orders (total) VALUES (1)")


def test_a_freeze_that_dies_changes_nothing(
    cluster: Cluster, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off before its commit, a freeze leaves the database open; the next one works."""

    def cut(connection: psycopg.Connection, grants: object) -> None:
        assert grants
        connection.close()
        raise psycopg.OperationalError("cut off")

    with cluster.connect(database) as app:
        before = every_acl(app)
        with monkeypatch.context() as patch:
            patch.setattr(privileges, "revoke", cut)
            with pytest.raises(DatabaseError, match="cut off"):
                shut(cluster.server(), database)
        assert every_acl(app) == before
        shut(cluster.server(), database)
        assert cluster.server().is_shut(database)


def test_another_process_thaws_after_a_crash(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """Everything a thaw needs is in the database: a new process without any state does it."""
    with cluster.connect(database) as app:
        before = every_acl(app)
        shut(server, database)
        cluster.server().thaw(database, act(6))
        assert every_acl(app) == before


def test_a_privilege_that_slipped_in_is_noticed(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """An owner may give itself a privilege although shut: `is_shut` and the digest see it."""
    shut(server, database)
    digest = server.schema_digest(database)
    assert server.is_shut(database)
    with cluster.connect(database) as app:
        app.execute("GRANT INSERT ON orders TO app")
        assert not server.is_shut(database)
        app.execute("INSERT INTO orders (id, total) VALUES (999, 1)")
        app.execute("REVOKE INSERT ON orders FROM app")
    assert server.is_shut(database)
    assert server.schema_digest(database) != digest


def test_a_table_that_slipped_in_is_noticed(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """A table made in a transaction that was open across the freeze is seen, and shut next."""
    with cluster.connect(database) as app:
        with app.transaction():
            app.execute("CREATE TABLE sneaky (n int)")
            shut(server, database)
            digest = server.schema_digest(database)
        assert not server.is_shut(database)
        assert server.schema_digest(database) != digest
        shut(server, database, 6)
        assert server.is_shut(database)
        server.thaw(database, act(7))
        app.execute("INSERT INTO sneaky VALUES (1)")


def test_reading_does_not_move_the_digest(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """Queries, temporary tables, ANALYZE and VACUUM leave the schema's digest alone."""
    shut(server, database)
    digest = server.schema_digest(database)
    with cluster.connect(database) as app:
        app.execute("CREATE TEMP TABLE mine AS SELECT * FROM orders")
        app.execute("ANALYZE")
        app.execute("VACUUM orders")
        assert server.schema_digest(database) == digest


def test_superuser_role_is_refused(server: PostgresServer, database: str) -> None:
    """A role that no privilege binds cannot be shut out: refused, nothing changed."""
    with pytest.raises(Refused, match="root cannot be shut out"):
        server.shut(database, act(5), ["root"], 5)
    assert not server.is_shut(database)


def test_another_ledgers_database_is_refused(server: PostgresServer, database: str) -> None:
    """A database that belongs to another ledger is neither frozen nor thawed."""
    shut(server, database)
    other = FencedAct(9, SHOP, "Z999/shop._deploy.elsewhere.com")
    with pytest.raises(Refused, match="belongs to the ledger"):
        server.thaw(database, other)
    assert server.is_shut(database)


@pytest.mark.parametrize(
    ("admin", "may", "error", "words"),
    [
        ("plain", "UPDATE", DatabaseError, r"app may UPDATE on table public.theirs"),
        ("plain", "INSERT", AccessDenied, "permission denied for table theirs"),
        ("admin", "INSERT", DatabaseError, r"app may INSERT on table public.theirs"),
    ],
)
def test_a_table_out_of_the_admins_reach_is_refused(
    cluster: Cluster, database: str, admin: str, may: str, error: type[ToolError], words: str
) -> None:
    """A privilege that the admin cannot revoke makes the freeze fail in words, not pass."""
    with cluster.connect(database, "root") as root:
        root.execute("CREATE TABLE theirs (n int)")
        root.execute(f"GRANT {may} ON theirs TO app".encode())
    with pytest.raises(error, match=words):
        shut(cluster.server(admin), database)
    with cluster.connect(database) as app:
        app.execute("INSERT INTO orders (total) VALUES (1)")


def test_comments_of_people_survive(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """The comment that a live database had is kept inside the memory."""
    with cluster.connect(database) as app:
        app.execute(f"COMMENT ON DATABASE {database} IS 'ask Ann'".encode())
    shut(server, database)
    (info,) = (one for one in server.databases() if one.name == database)
    assert info.memory is not None
    assert info.memory.note == "ask Ann"


def test_what_is_gone_by_the_thaw_is_told(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """A table that its owner dropped while shut does not hinder the thaw of the others."""
    shut(server, database)
    with cluster.connect(database) as app:
        app.execute("DROP TABLE lines")
        thawed = server.thaw(database, act(6))
        assert {one.path for one in thawed.lost} >= {("public", "lines")}
        app.execute("INSERT INTO orders (total) VALUES (1)")


def test_a_thaw_that_would_give_nothing_back_is_an_error(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """Its memory was cut: it is not called open while nobody may write."""
    shut(server, database)
    with cluster.connect(database, "admin") as session:
        memory = comment_store.own(session)
        assert memory is not None
        comment_store.write(session, database, replace(memory, acls=frozenset()))
    with pytest.raises(DatabaseError, match="memory of what to give back is gone"):
        server.thaw(database, act(6))
    assert server.is_shut(database)


def test_acts_wait_for_each_other(server: PostgresServer, database: str) -> None:
    """Many freezes and thaws at once end in the state of the newest generation."""
    refused: list[int] = []

    def one(generation: int) -> None:
        try:
            if generation % 2:
                server.shut(database, act(generation), ["app"], 20)
            else:
                server.thaw(database, act(generation))
        except StaleAct:
            refused.append(generation)

    threads = [threading.Thread(target=one, args=[n]) for n in (7, 4, 3, 6, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert 7 not in refused
    assert server.is_shut(database)


def test_a_transaction_that_holds_locks_has_a_limit_of_its_own(
    server: PostgresServer, cluster: Cluster, database: str
) -> None:
    """Whatever the session says, also one that a pooler has lent: a sleeper is given up."""
    shut(server, database)
    with psycopg.connect(cluster.url(dbname=database), autocommit=True) as session:
        thaw = freeze.ThawTransaction(session, act(6))
        shown = session.execute("SHOW idle_in_transaction_session_timeout").fetchone()
        assert shown == ("30s",)
        thaw.close()
    assert server.is_shut(database)
