"""The sandbox's PostgreSQL: it starts as whoever we are, keeps its data, and goes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from deployer.sandbox.network import loopback_range
from deployer.sandbox.postgres import run_unprivileged
from deployer.sandbox.postgres.company_databases import ADMIN, Databases
from deployer.sandbox.postgres.server import Postgres


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """A server of our own with the databases of two services."""
    claimed = loopback_range.claim()
    server = Postgres(tmp_path_factory.mktemp("postgres") / "server", claimed.database_host)
    with closing(claimed.guard):
        server.begin()
        try:
            server.start()
            made = Databases(server, ("shop", "blog"))
            made.create()
            _as(made, "shop", "shop", "CREATE TABLE orders (id int)")
            made.remember()
            yield made
        finally:
            server.stop()


@pytest.fixture(autouse=True)
def _first_day(databases: Databases) -> None:
    databases.restore()


def _as(databases: Databases, role: str, database: str, statement: str) -> list[tuple[object, ...]]:
    url = databases.login(role).url(database)
    with psycopg.connect(url, autocommit=True) as session:
        cursor = session.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to become")
def test_root_without_namespaces_becomes_nobody_who_still_reaches_its_files(tmp_path: Path) -> None:
    """The way out where user namespaces are not allowed, as in many containers."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    hidden = tmp_path / "hidden"
    hidden.touch(mode=0o600)
    command = run_unprivileged.as_nobody(
        str(data), ["sh", "-c", f"id -u; cat {hidden} && touch {data}/x"]
    )
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "65534\n"
    assert (data / "x").stat().st_uid == 65534


def test_the_administrator_is_no_superuser(databases: Databases) -> None:
    """As on RDS: what needs a superuser fails here and not first in production."""
    may = "rolsuper, rolcreatedb, rolcreaterole"
    query = f"SELECT {may} FROM pg_roles WHERE rolname = current_user"  # noqa: S608 -- constants
    assert _as(databases, ADMIN, "shop", query) == [(False, True, True)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _as(databases, ADMIN, "shop", "ALTER SYSTEM SET fsync = on")


def test_the_administrator_acts_on_the_services_databases(databases: Databases) -> None:
    """Create one for the role, comment on it, change what the role owns, end sessions."""
    _as(databases, ADMIN, "shop", "CREATE DATABASE shop_new OWNER shop")
    _as(databases, ADMIN, "shop", "COMMENT ON DATABASE shop_new IS 'memory'")
    _as(databases, ADMIN, "shop", "REVOKE INSERT ON orders FROM shop")
    _as(databases, ADMIN, "shop", "GRANT shop TO admin")
    _as(databases, ADMIN, "shop", "DROP DATABASE shop_new WITH (FORCE)")


def test_a_service_is_confined_to_its_own_role(databases: Databases) -> None:
    """Two services share the server, not their tables."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _as(databases, "blog", "shop", "SELECT * FROM orders")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _as(databases, "shop", "shop", "CREATE DATABASE mine")


def test_a_wrong_password_is_refused(databases: Databases) -> None:
    """Nobody is trusted for coming from loopback."""
    url = databases.login("shop").url("shop").replace("shop-", "shop-x")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url)


def test_restore_brings_the_first_day_back_under_open_sessions(databases: Databases) -> None:
    """Databases, contents, rights, roles, comments and passwords, whoever is connected."""
    lingering = psycopg.connect(databases.login("shop").url("shop"), autocommit=True)
    with closing(lingering):
        lingering.execute("INSERT INTO orders VALUES (7)")
        _as(databases, ADMIN, "shop", "REVOKE INSERT ON orders FROM shop")
        _as(databases, ADMIN, "shop", "COMMENT ON DATABASE shop IS 'shut'")
        _as(databases, ADMIN, "shop", "CREATE DATABASE shop_20261123t031502z_7kq2m OWNER shop")
        _as(databases, ADMIN, "shop", "CREATE ROLE intruder")
        _as(databases, ADMIN, "shop", "ALTER ROLE shop PASSWORD 'other' NOLOGIN")
        databases.restore()
    assert databases.names() == ["blog", "shop"]
    assert _as(databases, "shop", "shop", "SELECT * FROM orders") == []
    _as(databases, "shop", "shop", "INSERT INTO orders VALUES (1)")
    gone = "SELECT rolname FROM pg_roles WHERE rolname = 'intruder'"
    assert _as(databases, ADMIN, "shop", gone) == []
    comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'shop'"
    assert _as(databases, ADMIN, "shop", comment) == [(None,)]


def test_the_superusers_password_is_not_left_on_disk(databases: Databases) -> None:
    """initdb's password file goes as soon as it was read."""
    data = Path(f"/proc/{databases.server.pid}/cwd").readlink()
    assert not (data.parent / "superuser").exists()
