"""Making and dropping databases on a real PostgreSQL: what only a real one does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Composable

from reconciler.database import state_comment as m
from reconciler.database.postgres import create
from reconciler.database.postgres import drop as dropping
from reconciler.database.postgres.engine import PostgresServer
from reconciler.database.state_comment import Memory
from reconciler.errors import DatabaseError, Refused
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from reconciler.util.backoff import Backoff
from tests.support.postgres_cluster import Cluster, running

SHOP = DeployId.parse("shop/20261123T031502Z-7kq2m")
LEDGER = "Z123/shop._deploy.example.com"
NAME = SHOP.database_name(LEDGER)
MEMORY = Memory(SHOP, LEDGER, datetime(2026, 11, 23, tzinfo=UTC))
ACT = FencedAct(5, SHOP, LEDGER)


@pytest.fixture
def born(cluster: Cluster, server: PostgresServer) -> Iterator[str]:
    """A database that a deploy made."""
    server.create(NAME, "app", MEMORY)
    yield NAME
    for name in (NAME, m.making_name(NAME)):
        cluster.drop(name)


def names(server: PostgresServer) -> list[str]:
    """Every database."""
    return [one.name for one in server.databases()]


@pytest.mark.parametrize("act", ["COMMENT", "ALTER"])
def test_a_crash_while_it_is_made_leaves_no_name_without_a_memory(
    cluster: Cluster, server: PostgresServer, act: str
) -> None:
    """Killed between any two statements: an empty `…_making` is all there is, and it is dropped."""

    class Dies(psycopg.Connection):
        def execute(self, query: Any, *args: Any, **more: Any) -> Any:
            text = query.as_string(None) if isinstance(query, Composable) else str(query)
            if text.startswith(act):
                raise DatabaseError("killed")
            return super().execute(query, *args, **more)

    with (
        Dies.connect(cluster.url(), autocommit=True) as session,
        pytest.raises(DatabaseError, match="killed"),
    ):
        create.create(session, NAME, SQL("app"), MEMORY)
    left = m.making_name(NAME)
    assert left in names(server)
    assert NAME not in names(server)
    server.drop(left, ACT, ["app"])
    assert left not in names(server)


def test_the_longest_name_is_not_cut_off(cluster: Cluster, server: PostgresServer) -> None:
    """PostgreSQL cuts an identifier at 63 bytes: the name while it is made has to be as short."""
    deploy = DeployId.parse(f"{'s' * 28}/20261123T031502Z-7kq2m")
    name = deploy.database_name(LEDGER)
    left = m.making_name(name)
    assert len(left) == 63
    assert m.made_as(left, LEDGER) == deploy
    server.create(name, "app", Memory(deploy, LEDGER, MEMORY.at))
    assert name in names(server)
    cluster.drop(name)


def test_a_session_that_may_not_be_ended_is_named(cluster: Cluster, born: str) -> None:
    """An admin without pg_signal_backend ends nothing of a role that it is no member of."""
    server = cluster.server("plain")
    with cluster.connect(born, "reporter"), pytest.raises(Refused, match=r"reporter.*grant it"):
        server.drop(born, ACT, ["app", "reporter"])
    assert born in names(server)


def test_who_comes_in_between_is_not_thrown_out(
    cluster: Cluster, server: PostgresServer, born: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server itself refuses to drop what is in use; looked at again, he is seen and named."""
    came: list[psycopg.Connection[tuple[object, ...]]] = []
    seen = dropping._end_sessions

    def comes(*args: object) -> None:
        seen(*args)  # type: ignore[arg-type]
        monkeypatch.setattr(dropping, "_end_sessions", seen)
        came.append(cluster.connect(born, "clerk"))

    monkeypatch.setattr(dropping, "_end_sessions", comes)
    with pytest.raises(Refused, match="in use by clerk"):
        server.drop(born, ACT, ["app"])
    assert came[0].execute("SELECT 1").fetchone() == (1,)
    came[0].close()


def test_a_pool_that_always_comes_back(
    cluster: Cluster, server: PostgresServer, born: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thrown out each time and back before each DROP: in the end it is said, and nothing hangs."""
    monkeypatch.setattr(dropping, "PATIENCE", Backoff(first=0.01, deadline=0.1))
    seen = dropping._end_sessions
    pool: list[psycopg.Connection[tuple[object, ...]]] = []

    def comes_back(*args: object) -> None:
        seen(*args)  # type: ignore[arg-type]
        pool.append(cluster.connect(born, "app"))

    monkeypatch.setattr(dropping, "_end_sessions", comes_back)
    with pytest.raises(Refused, match="again and again"):
        server.drop(born, ACT, ["app"])
    for one in pool:
        one.close()
    assert born in names(server)


def test_a_template_that_people_made_of_it_is_not_gone(
    cluster: Cluster, server: PostgresServer, born: str
) -> None:
    """Our lists leave templates out."""
    cluster.execute("postgres", f"ALTER DATABASE {born} IS_TEMPLATE true", "admin")
    try:
        with pytest.raises(Refused, match="was made a template"):
            server.drop(born, ACT)
    finally:
        cluster.execute("postgres", f"ALTER DATABASE {born} IS_TEMPLATE false", "admin")


def test_a_database_with_a_replication_slot_is_not_dropped() -> None:
    """A reader that pauses has no session; DROP DATABASE would take its slot along."""
    with running({"wal_level": "logical"}) as cluster:
        server = cluster.server()
        server.create(NAME, "app", MEMORY)
        slot = "SELECT pg_create_logical_replication_slot('warehouse', 'pgoutput')"
        cluster.execute(NAME, slot, "root")
        with pytest.raises(Refused, match="replication slot warehouse"):
            server.drop(NAME, ACT, ["app"])
        assert NAME in names(server)


def test_a_database_that_was_renamed_before_the_drop_is_not_called_gone(
    cluster: Cluster, server: PostgresServer, born: str
) -> None:
    """DROP DATABASE IF EXISTS finds nothing and succeeds: the oid tells that it is still there."""

    class Renaming(psycopg.Connection):
        def execute(self, query: Any, *args: Any, **more: Any) -> Any:
            if isinstance(query, Composable) and query.as_string(None).startswith("DROP"):
                cluster.execute("postgres", f"ALTER DATABASE {born} RENAME TO archive", "root")
            return super().execute(query, *args, **more)

    try:
        with (
            Renaming.connect(cluster.url(), autocommit=True) as session,
            pytest.raises(DatabaseError, match="still there: archive"),
        ):
            dropping.drop(session, born, ACT, ["app"], lambda: cluster.connect(born, "admin"))
        assert "archive" in names(server)
    finally:
        cluster.drop("archive")
