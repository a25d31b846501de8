"""Attacks on whose database it is, on a real PostgreSQL (docs/attacks-databases.md).

The numbers are those of the list.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.database import state_comment as m
from reconciler.database.grants import Grant, On
from reconciler.database.postgres.engine import PostgresServer
from reconciler.errors import DatabaseError, Refused, ToolError
from tests.attacks.databases import MEMORY, NAME, NEW_PARTITION, SHOP, act
from tests.support.postgres_cluster import SETTINGS, Cluster, running


def test_02_a_pooled_sessions_last_orders_are_counted(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """A session that stays reports its last writes seconds later: a rollback saw none of them."""
    server.record_baseline(database, act(5))
    with cluster.connect(database) as app:
        app.execute("SELECT count(*) FROM orders")  # reported at once; what follows is not
        app.execute("INSERT INTO orders (total) VALUES (1)")
        app.execute("INSERT INTO orders (total) VALUES (2)")
        server.shut(database, act(6), ["app"], 5)
        assert server.final_changes(database).any


@pytest.mark.parametrize(
    "lie",
    [
        "SELECT pg_stat_reset()",
        "SELECT pg_stat_reset_single_table_counters('orders'::regclass)",
        "TRUNCATE orders CASCADE",
        "ALTER TABLE lines ALTER order_id TYPE bigint",
        NEW_PARTITION,
        "DROP TABLE lines",
        "SELECT nextval('tickets')",
    ],
)
def test_03_statistics_that_lie_count_as_some(
    cluster: Cluster, server: PostgresServer, database: str, lie: str
) -> None:
    """Reset, truncated, rewritten, dropped, a new partition, a number given out: some."""
    server.record_baseline(database, act(5))
    cluster.execute(database, lie, "root" if "pg_stat" in lie else "app")
    assert server.changes_since_baseline(database).any


def test_04_a_subscription_into_live_is_refused(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """Another team's changes stream into live: the new database would never get them."""
    text = (
        "CREATE SUBSCRIPTION theirs CONNECTION 'host=127.0.0.1 port=1 dbname=x' "
        "PUBLICATION p WITH (connect = false, slot_name = 'theirs')"
    )
    with cluster.connect(database, "root") as root:
        root.execute(text.encode())
        try:
            assert server.examine(database, ("app", "app")).subscriptions == {"theirs"}
        finally:
            root.execute("ALTER SUBSCRIPTION theirs SET (slot_name = NONE)")
            root.execute("DROP SUBSCRIPTION theirs")


def test_05_a_thaw_that_gives_nothing_back_says_so(server: PostgresServer, database: str) -> None:
    """The memory of a shut database was replaced by one that has nothing to give back."""
    server.shut(database, act(5), ["app"], 5)
    (info,) = (one for one in server.databases() if one.name == database)
    assert info.memory is not None
    server.remember(info, replace(info.memory, acls=frozenset()))
    with pytest.raises(DatabaseError, match="memory of what to give back is gone"):
        server.thaw(database, act(6))
    assert server.is_shut(database)


HEAD = '"deploy":"@","ledger":"L","generation":1,"at":"20261123T031502Z"'
GRANT = '{"on":"table","to":"app","may":["SELECT; DROP"],"grant":false,"of":[["a","b"]]}'
POISON = [
    f'{{"v":1,{HEAD},"state":"open","baseline":{{"epoch":"","tables":[]}}}}',
    "[" * 100_000,
    '{"v":[],"deploy":1}',
    f'{{"v":2,{HEAD},"state":"shut","name":"x","oid":1,"acls":[{GRANT}]}}',
]


@pytest.mark.parametrize("poison", POISON, ids=["tables", "nested", "version", "privilege"])
def test_08_a_strangers_comment_stops_nobody(
    cluster: Cluster, server: PostgresServer, database: str, poison: str
) -> None:
    """Anybody's comment on any database of the server is read: whatever it is, it is no memory."""
    text = f"COMMENT ON DATABASE {database} IS '{poison.replace('@', str(SHOP))}'"
    cluster.execute(database, text)
    (info,) = (one for one in server.databases() if one.name == database)
    assert info.memory is None
    assert info.foreign


@pytest.mark.xfail(
    strict=True,
    reason="who owns a database may write its memory, and the thaw gives what stands in it",
)
def test_08_a_poisoned_memory_gives_no_more_than_there_is(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """The app's role writes itself a grant on a table of another's: the thaw must not give it."""
    with cluster.connect(database, "root") as root:
        root.execute("CREATE TABLE theirs (n int)")
        root.execute("CREATE ROLE auditor; GRANT auditor TO admin")
        root.execute("ALTER TABLE theirs OWNER TO auditor")
        try:
            server.shut(database, act(5), ["app"], 5)
            (info,) = (one for one in server.databases() if one.name == database)
            assert info.memory is not None
            stolen = Grant(On.TABLE, ("public", "theirs"), "app", "DELETE")
            forged = m.encode(replace(info.memory, acls=info.memory.acls | {stolen}))
            cluster.execute(database, f"COMMENT ON DATABASE {database} IS '{forged}'")
            server.thaw(database, act(6))
            assert stolen not in server.writers(database)
        finally:
            root.execute("DROP TABLE theirs; DROP ROLE auditor")


def test_09_a_thaw_meets_another_world(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """A role dropped, one renamed, a table dropped, one renamed: the rest is given back."""
    with cluster.connect(database, "root") as root:
        root.execute("CREATE ROLE intern; CREATE ROLE temp")
        root.execute("GRANT INSERT ON orders, lines TO intern, temp")
        server.shut(database, act(5), ["app"], 5)
        root.execute("DROP OWNED BY intern; DROP ROLE intern; ALTER ROLE temp RENAME TO lasting")
        root.execute("DROP TABLE parts; ALTER TABLE lines RENAME TO order_lines")
        thawed = server.thaw(database, act(6))
        assert thawed.lost
        root.execute("DROP OWNED BY lasting; DROP ROLE lasting")
    cluster.execute(database, "INSERT INTO orders (total) VALUES (1)")


@pytest.mark.parametrize(
    "content",
    [
        "CREATE SCHEMA own",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT lo_create(0)",
        "CREATE TYPE mood AS ENUM ('good')",
        "CREATE DOMAIN d AS int",
        "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS n",
    ],
)
def test_18_what_has_anything_in_it_is_not_empty(
    cluster: Cluster, server: PostgresServer, content: str
) -> None:
    """A database with the name of one that is being made, in which people put something."""
    making = m.making_name(NAME)
    cluster.execute("postgres", f"CREATE DATABASE {making} OWNER app", "admin")
    try:
        cluster.execute(making, content, "root")
        with pytest.raises(Refused, match="not empty"):
            server.drop(making, act(5))
        assert making in {one.name for one in server.databases()}
    finally:
        cluster.drop(making)


@pytest.mark.parametrize("shield", ["IS_TEMPLATE", "ALLOW_CONNECTIONS"])
def test_18_people_shield_a_database(cluster: Cluster, server: PostgresServer, shield: str) -> None:
    """It is dropped and gone, or there and not said to be gone."""
    server.create(NAME, "app", MEMORY)
    shields = {"IS_TEMPLATE": ("true", "false"), "ALLOW_CONNECTIONS": ("false", "true")}[shield]
    alter = f"ALTER DATABASE {NAME} {shield}"
    cluster.execute("postgres", f"{alter} {shields[0]}", "root")
    told = ""
    try:
        server.drop(NAME, act(5))
    except ToolError as error:
        told = error.message
    with cluster.connect("postgres", "root") as root:
        found = root.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchall()
        assert bool(found) == bool(told)
        if found:
            root.execute(f"{alter} {shields[1]}".encode())
            cluster.drop(NAME)


def test_18_a_paused_readers_slot_keeps_a_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DROP DATABASE would take an inactive slot of other people along, without a word."""
    monkeypatch.setitem(SETTINGS, "wal_level", "logical")
    with running() as cluster:
        server = cluster.server()
        server.create(NAME, "app", MEMORY)
        slot = "SELECT pg_create_logical_replication_slot('warehouse', 'pgoutput')"
        cluster.execute(NAME, slot, "root")
        with pytest.raises(Refused, match="replication slot warehouse"):
            server.drop(NAME, act(5))
        cluster.execute("postgres", "SELECT pg_drop_replication_slot('warehouse')", "root")
        server.drop(NAME, act(5))
        assert NAME not in {one.name for one in server.databases()}
