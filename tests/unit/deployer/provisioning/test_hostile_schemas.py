"""Schemas that cannot be copied, on a real PostgreSQL: found before live is shut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployer.provisioning.database_copy import (
    CopyJob,
    check_tools,
    fill_copy,
    prepare_copy,
)
from deployer.provisioning.local_shell import LocalShell
from reconciler.database.copying import CopySurvey, copy_notes, refuse_uncopyable, tools_fit
from reconciler.database.postgres.connection import AdminUrl
from reconciler.database.state_comment import Memory
from reconciler.errors import DatabaseError, Refused, ToolError
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from tests.support.postgres_cluster import Cluster, every_acl, running

SHOP = DeployId.parse("shop/20261123T031502Z-7kq2m")
LEDGER = "Z123/shop._deploy.example.com"
NEXT = DeployId.parse("shop/20261124T031502Z-8mq4z")
MEMORY = Memory(NEXT, LEDGER, datetime(2026, 11, 23, tzinfo=UTC))
SEARCHING = """
CREATE TABLE codes (code text);
INSERT INTO codes VALUES ('a');
CREATE FUNCTION known(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE
  AS 'BEGIN RETURN EXISTS (SELECT FROM codes WHERE code = $1); END';
"""


@dataclass(frozen=True)
class Hostile:
    """What is in a live database, who puts it there, and the words that name it."""

    sql: str
    says: str
    user: str = "root"
    error: type[ToolError] = Refused
    admin: str = "admin"


CASES = {
    "a check that needs a search_path": Hostile(
        "CREATE TABLE t (c text CHECK (known(c))); INSERT INTO t VALUES ('a')",
        'check t_c_check of public.t in {} fails .*: relation "codes" does not exist',
        "app",
    ),
    "a generated column that needs a search_path": Hostile(
        "CREATE TABLE t (c text, d bool GENERATED ALWAYS AS (known(c)) STORED);"
        "INSERT INTO t VALUES ('a')",
        'generated column d of public.t in {} fails .*: relation "codes" does not exist',
        "app",
    ),
    "rows that a policy hides from the admin": Hostile(
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY; ALTER TABLE orders FORCE ROW LEVEL SECURITY",
        "row security hides rows of public.orders",
    ),
    "a table that the admin may not read": Hostile(
        "CREATE SCHEMA books; CREATE TABLE books.kept (n int)",
        "may not read books.kept",
        admin="plain",
    ),
    "an event trigger": Hostile(
        "CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        "CREATE EVENT TRIGGER told ON ddl_command_end EXECUTE FUNCTION told()",
        "{} cannot be copied.*: permission denied to create event trigger",
        error=DatabaseError,
    ),
    "an untrusted language": Hostile(
        "CREATE FUNCTION c(text) RETURNS text LANGUAGE internal AS 'upper'",
        "{} cannot be copied.*: permission denied for language internal",
        error=DatabaseError,
    ),
    "a privilege that a third role granted": Hostile(
        "SET ROLE clerk; GRANT SELECT ON orders TO reporter",
        "{} cannot be copied.*: permission denied to set session authorization",
        error=DatabaseError,
    ),
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A real server."""
    with running() as cluster:
        yield cluster


@pytest.fixture
def job(cluster: Cluster) -> Iterator[CopyJob]:
    """A live database, and a fresh one to copy it into."""
    with cluster.company_database() as source:
        target = cluster.new_name()
        cluster.server().create(target, "app", MEMORY, like=source)
        admin = AdminUrl.parse(cluster.url())
        yield CopyJob(admin, source, target, "app", tools=str(cluster.bin), timeout=60)
        cluster.drop(target)


def prepared(cluster: Cluster, job: CopyJob, admin: str = "admin") -> None:
    """All that a release does with a database before it shuts live."""
    server = cluster.server(admin)
    refuse_uncopyable(job.source, server.survey_copy(job.source, "app"))
    prepare_copy(job, LocalShell(), server, trial=True)


@pytest.mark.parametrize("case", CASES)
def test_it_is_found_before_live_is_shut(cluster: Cluster, job: CopyJob, case: str) -> None:
    """No freeze was in force at any time: the database has no memory of one, and takes writes."""
    hostile = CASES[case]
    cluster.execute(job.source, SEARCHING)
    cluster.execute(job.source, hostile.sql, hostile.user)
    with pytest.raises(hostile.error, match=hostile.says.format(job.source)) as caught:
        prepared(cluster, job, hostile.admin)
    assert caught.value.detail
    assert caught.value.cure
    info = next(one for one in cluster.server().databases() if one.name == job.source)
    assert info.memory is None
    cluster.execute(job.source, "INSERT INTO lines (order_id) SELECT NULL")


def test_the_trial_leaves_tables_without_rows_and_indexes(cluster: Cluster, job: CopyJob) -> None:
    """It was rolled back: the load is not slowed by indexes, and meets none that exists."""
    prepared(cluster, job)
    with cluster.connect(job.target) as copy:
        made = copy.execute("SELECT count(*) FROM pg_class WHERE relname = 'orders_pkey'")
        assert made.fetchone() == (0,)
        assert copy.execute("SELECT count(*) FROM orders").fetchone() == (0,)


CHANGES = {
    "a column": "ALTER TABLE orders ADD COLUMN more int",
    "a table": "CREATE TABLE more (n int)",
    "an index": "CREATE INDEX ON orders (total)",
    "a function": "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a right to read": "GRANT SELECT ON lines TO reporter",
    "a right to write": "REVOKE UPDATE (note) ON orders FROM reporter",
    "a default": "ALTER TABLE orders ALTER COLUMN total SET DEFAULT 1",
    "a type": "CREATE TYPE mood AS ENUM ('good')",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_schema_that_changes_in_between_is_seen(
    cluster: Cluster, job: CopyJob, change: str
) -> None:
    """Compared under the freeze, which itself changes nothing that counts."""
    server = cluster.server()
    before = server.definitions(job.source)
    server.shut(job.source, FencedAct(5, SHOP, LEDGER), ["app"], 5)
    assert server.definitions(job.source) == before
    server.thaw(job.source, FencedAct(6, SHOP, LEDGER))
    cluster.execute(job.source, "INSERT INTO orders (total) VALUES (1); ANALYZE orders")
    cluster.execute(job.source, "VACUUM FULL orders")
    assert server.definitions(job.source) == before
    cluster.execute(job.source, CHANGES[change])
    server.shut(job.source, FencedAct(7, SHOP, LEDGER), ["app"], 5)
    assert server.definitions(job.source) != before


def test_a_table_whose_owner_may_not_write_it_is_filled(cluster: Cluster, job: CopyJob) -> None:
    """Privileges come before the rows: what the owner needs is lent to it, and taken back."""
    cluster.execute(job.source, "REVOKE INSERT, REFERENCES ON orders FROM app")
    cluster.execute(job.source, "REVOKE CREATE ON SCHEMA stock FROM app")
    server = cluster.server()
    ready = prepare_copy(job, LocalShell(), server, trial=True)
    server.shut(job.source, FencedAct(5, SHOP, LEDGER), ["app"], 5)
    fill_copy(ready, LocalShell(), server)
    server.thaw(job.source, FencedAct(6, SHOP, LEDGER))
    with cluster.connect(job.source) as source, cluster.connect(job.target) as copy:
        assert every_acl(source) == every_acl(copy)
        assert copy.execute("SELECT count(*) FROM orders").fetchone() == (100,)


def test_an_admin_who_may_not_create_databases(cluster: Cluster, job: CopyJob) -> None:
    """Said with the statement that lets it."""
    cluster.execute("postgres", "ALTER ROLE admin NOCREATEDB", "root")
    try:
        with pytest.raises(Refused, match="may not create databases") as caught:
            prepared(cluster, job)
        assert "CREATEDB" in caught.value.cure
    finally:
        cluster.execute("postgres", "ALTER ROLE admin CREATEDB", "root")


def test_a_limit_of_connections(cluster: Cluster, job: CopyJob) -> None:
    """The tools would be refused in the middle; a limit of the database counts as well."""
    cluster.execute("postgres", f"ALTER DATABASE {job.source} CONNECTION LIMIT 3", "root")
    with pytest.raises(Refused, match="may open 2 more sessions"):
        prepared(cluster, job)


@pytest.mark.parametrize(
    ("dump", "restore", "server", "fits"),
    [
        (18, 18, 18, True),
        (18, 18, 15, False),  # SET transaction_timeout
        (17, 17, 16, False),
        (18, 18, 17, True),
        (16, 16, 15, True),
        (15, 15, 16, False),
        (16, 15, 15, False),
    ],
)
def test_tools_fit(dump: int, restore: int, server: int, *, fits: bool) -> None:
    """As old tools as new ones can fail a restore."""
    assert tools_fit(dump, restore, server) is fits


def test_tools_that_do_not_fit_are_named(tmp_path: Path) -> None:
    """Their versions, the server's, and what to install where."""
    for name in ("pg_dump", "pg_restore", "psql"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 18.1 (Debian)'\n")
        (tmp_path / name).chmod(0o755)
    job = CopyJob(AdminUrl({}), "a", "b", "app", major=15, tools=str(tmp_path))
    with pytest.raises(
        Refused, match=r"has pg_dump 18 and pg_restore 18, .* PostgreSQL 15"
    ) as said:
        check_tools(job, LocalShell(), "10.0.1.17")
    assert "postgresql-client-15" in said.value.cure
    check_tools(
        CopyJob(AdminUrl({}), "a", "b", "app", major=17, tools=str(tmp_path)),
        LocalShell(),
        "10.0.1.17",
    )


def test_a_trial_leaves_the_lock_table_to_production() -> None:
    """A schema of thousands of indexes is not tried in one transaction, and that is said."""
    assert CopySurvey(locks=1600, room=6400).can_be_tried
    large = CopySurvey(locks=1601, room=6400, size_bytes=3 << 30)
    assert not large.can_be_tried
    size, locks = copy_notes("shop", large)
    assert "needs about 3.2 GB" in size
    assert "how much is free there is not known" in size
    assert "1601 of the server's 6400 locks" in locks


def test_what_is_free_on_the_server_is_asked_where_it_may_be(
    cluster: Cluster, job: CopyJob
) -> None:
    """A superuser's server runs df; nobody else may, and nothing is refused for not knowing."""
    known = cluster.server("root").survey_copy(job.source, "app")
    assert known.free_bytes is not None
    assert known.free_bytes > known.size_bytes > 0
    unknown = cluster.server().survey_copy(job.source, "app")
    assert unknown.free_bytes is None
    refuse_uncopyable(job.source, unknown)
    with cluster.connect("postgres", "root") as session:
        left = session.execute("SELECT count(*) FROM pg_class WHERE relname = 'free_room'")
        assert left.fetchone() == (0,)


def test_a_copy_for_which_there_is_no_room_is_refused() -> None:
    """Before live is shut, with both figures; where it fits, they are said."""
    full = CopySurvey(size_bytes=3 << 30, free_bytes=2 << 30)
    with pytest.raises(Refused, match=r"needs about 3.2 GB .* where 2.1 GB are free") as caught:
        refuse_uncopyable("shop", full)
    assert "reconciler report" in caught.value.cure
    fits = CopySurvey(size_bytes=3 << 30, free_bytes=9 << 30)
    refuse_uncopyable("shop", fits)
    assert copy_notes("shop", fits) == (
        "the copy of shop needs about 3.2 GB of the 9.7 GB that are free on the database server",
    )
