"""Rows, sequences, definitions and changes, read from a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.database.port import Changes
from reconciler.database.postgres.contents import compare
from reconciler.database.postgres.engine import PostgresServer
from reconciler.database.state_comment import Baseline, Memory
from reconciler.errors import AccessDenied
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from tests.support.postgres_cluster import Cluster

SHOP = DeployId.parse("shop/20261123T031502Z-7kq2m")
LEDGER = "Z123/shop._deploy.example.com"
ACT = FencedAct(5, SHOP, LEDGER)


def test_rows_of_odd_names_and_partitions(server: PostgresServer, database: str) -> None:
    """Names are quoted, partitions counted once, views left out."""
    assert server.row_counts(database) == {
        "public.orders": 100,
        "public.lines": 0,
        "public.parts_low": 2,
        'stock.Odd "name': 0,
    }


def test_sequences(server: PostgresServer, database: str) -> None:
    """A value that was handed out is told from one that is still to come."""
    assert server.sequence_values(database) == {
        "public.orders_id_seq": "100*",
        "public.lines_id_seq": "1",
        "public.tickets": "2*",
    }


def test_a_policy_does_not_hide_rows(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """Row security never makes a count too small: it is an error instead."""
    cluster.execute(database, "ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
    assert server.row_counts(database)["public.orders"] == 100
    cluster.execute(database, "ALTER TABLE orders FORCE ROW LEVEL SECURITY")
    with pytest.raises(AccessDenied, match="row-level security"):
        server.row_counts(database)


DEFINITIONS = [
    "ALTER TABLE orders ADD COLUMN extra int",
    "ALTER TABLE orders ALTER total SET DEFAULT 7",
    "CREATE INDEX ON orders (total)",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TYPE mood AS ENUM ('good')",
    "CREATE VIEW v AS SELECT 1 AS one",
    "CREATE RULE r AS ON INSERT TO lines DO INSTEAD NOTHING",
    "GRANT DELETE ON orders TO reporter",
    "GRANT CREATE ON SCHEMA stock TO clerk",
    "ALTER DEFAULT PRIVILEGES GRANT INSERT ON TABLES TO reporter",
    "ALTER SEQUENCE tickets INCREMENT 5",
    "CREATE SCHEMA more",
    "TRUNCATE lines",
]


def test_the_digest_sees_definitions(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """What an owner can do to a shut database shows in the digest."""
    seen = {server.schema_digest(database)}
    for count, change in enumerate(DEFINITIONS, start=2):
        cluster.execute(database, change)
        seen.add(server.schema_digest(database))
        assert len(seen) == count, change


def test_the_digest_does_not_see_rows(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """Rows and sequences are content, not definitions."""
    before = server.schema_digest(database)
    cluster.execute(database, "INSERT INTO orders (total) VALUES (1)")
    assert before == server.schema_digest(database)


def test_truncate_counts_as_some(cluster: Cluster, server: PostgresServer, database: str) -> None:
    """TRUNCATE counts no rows, so what it did is unknown: never nothing."""
    server.record_baseline(database, ACT)
    cluster.execute(database, "TRUNCATE lines")
    changes = server.changes_since_baseline(database)
    assert changes.unknown
    assert changes.any


def test_reset_statistics_are_unknown(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """After a reset the counters mean nothing."""
    server.record_baseline(database, ACT)
    cluster.execute(database, "SELECT pg_stat_reset()", "root")
    assert server.changes_since_baseline(database).unknown


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, {}, Changes(unknown=True)),
        ({"t": (5, 1)}, {"t": (8, 1)}, Changes({"t": 3})),
        ({}, {"t": (8, 1)}, Changes({"t": 8})),
        ({"t": (5, 1)}, {}, Changes(unknown=True)),
        ({"t": (5, 1)}, {"t": (5, 2)}, Changes(unknown=True)),
        ({"t": (5, 1)}, {"t": (2, 1)}, Changes(unknown=True)),
    ],
)
def test_comparing_counters(
    before: dict[str, tuple[int, int]] | None,
    after: dict[str, tuple[int, int]],
    expected: Changes,
) -> None:
    """New tables count in full; a table that is gone, rewritten or counts less is unknown."""
    baseline = None if before is None else Baseline("e", before)
    assert expected == compare(baseline, Baseline("e", after))


def test_another_epoch_is_unknown() -> None:
    """Counters of another life of the statistics are not compared."""
    assert compare(Baseline("a"), Baseline("b")) == Changes(unknown=True)


def test_a_new_database_is_like_its_source(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """Encoding, collation and locale provider are the source's, not the server's default."""
    if cluster.major < 17:
        pytest.skip("the provider `builtin` came with PostgreSQL 17")
    odd, copy = cluster.new_name(), cluster.new_name()
    cluster.execute(
        "postgres",
        f"CREATE DATABASE {odd} OWNER app TEMPLATE template0 ENCODING 'UTF8' "
        "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C'",
        "admin",
    )
    memory = Memory(SHOP, LEDGER, datetime(2026, 11, 23, tzinfo=UTC))
    text = "SELECT encoding, datcollate, datctype, datlocprovider, datlocale FROM pg_database "
    try:
        server.create(copy, "app", memory, like=odd)
        with cluster.connect(database) as app:
            found = [
                app.execute((text + f"WHERE datname = '{name}'").encode()).fetchone()
                for name in (odd, copy)
            ]
        assert found[0] == found[1]
        assert found[0] is not None
    finally:
        cluster.drop(odd)
        cluster.drop(copy)


def test_settings_and_privileges_of_the_database_itself(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """What ALTER DATABASE has set, and who may connect, come along with `open_like`."""
    copy = cluster.new_name()
    memory = Memory(SHOP, LEDGER, datetime(2026, 11, 23, tzinfo=UTC))
    for text in (
        f"ALTER DATABASE {database} SET search_path TO stock, public",
        f"ALTER DATABASE {database} SET timezone TO 'Europe/Dublin'",
        f"ALTER DATABASE {database} SET application_name TO 'it''s, well'",
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {database} TO reporter",
    ):
        cluster.execute(database, text)
    try:
        server.create(copy, "app", memory, like=database)
        cluster.execute(copy, "CREATE SCHEMA stock; GRANT CREATE ON SCHEMA stock TO app")
        cluster.execute(copy, "CREATE TABLE orders (id int, note text); CREATE TABLE lines ()")
        cluster.execute(
            copy, 'CREATE TABLE stock."Odd ""name" (n int); CREATE VIEW cheap AS TABLE orders'
        )
        cluster.execute(copy, "CREATE TABLE parts (); CREATE TABLE parts_low ()")
        cluster.execute(copy, "CREATE SEQUENCE orders_id_seq; CREATE SEQUENCE lines_id_seq")
        cluster.execute(copy, "CREATE SEQUENCE tickets")
        server.open_like(copy, database)
        with cluster.connect(copy) as app:
            shown = [
                app.execute(f"SHOW {one}".encode()).fetchone()
                for one in ("search_path", "timezone", "application_name")
            ]
        assert shown == [("stock, public",), ("Europe/Dublin",), ("it's, well",)]
        text = "SELECT has_database_privilege(%s, %s, 'CONNECT')"
        with cluster.connect(database) as app:
            may = [app.execute(text, [who, copy]).fetchone() for who in ("reporter", "clerk")]
        assert may == [(True,), (False,)]
    finally:
        cluster.drop(copy)
