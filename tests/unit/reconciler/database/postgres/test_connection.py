"""Reaching the server: errors speak, and secrets do not."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from reconciler.database.postgres.connection import AdminUrl
from reconciler.database.postgres.engine import PostgresServer
from reconciler.errors import AccessDenied, ConfigError, DatabaseError, Refused, ToolError
from tests.support.postgres_cluster import PASSWORD, Cluster


def everything_said(error: ToolError) -> str:
    """All that a person could see of it, the chained causes included."""
    # Without the lines of source code: a test has the password in its own.
    causes: list[str] = []
    one: BaseException | None = error
    while one is not None:
        causes += traceback.format_exception_only(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\n".join([*causes, error.cure, error.detail, repr(error)])


def test_the_password_stays_inside(cluster: Cluster) -> None:
    """Neither repr nor the connection string for tools holds it; their input does."""
    admin = AdminUrl.parse(cluster.url())
    assert PASSWORD not in repr(admin)
    assert PASSWORD not in admin.without_secret("shop")
    assert admin.password_line == f"{PASSWORD}\n".encode()
    assert "dbname=shop" in admin.without_secret("shop")


UNESCAPED = ["s3cr:et/et", "12/s3cr", "s3cr%zz", "s3cr/et", "pw@s3cr", "pw@s3cr?user=s3cr"]


@pytest.mark.parametrize("password", UNESCAPED)
def test_a_url_that_is_none(password: str) -> None:
    """A malformed URL is refused without a piece of it: it may be the password's."""
    with pytest.raises(ConfigError) as caught:
        AdminUrl.parse(f"postgresql://admin:{password}@host:5432/db")
    assert "s3cr" not in everything_said(caught.value)


@pytest.mark.parametrize("host", ["s3cr%40host", "s3cr et"])
def test_a_host_that_cannot_be_one(host: str) -> None:
    """A host that no server can have is refused unseen: it may be a piece of the password."""
    with pytest.raises(ConfigError) as caught:
        AdminUrl.parse(f"host='{host.replace('%40', '@')}' user=admin password=pw")
    assert "s3cr" not in everything_said(caught.value)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("postgresql://admin:p%40ss@db-1.example.com:5432/db", "db-1.example.com"),
        ("postgresql://admin:pw@[fe80::1%25eth0]:5432/db", "fe80::1%eth0"),
        ("host=/var/run/postgresql user=admin", "/var/run/postgresql"),
        ("postgresql://admin:pw@/db?sslmode=disable", "localhost"),
    ],
)
def test_hosts_that_are_taken(url: str, host: str) -> None:
    """Names, IPv6 addresses and socket directories are hosts; an escaped `@` is a password's."""
    assert AdminUrl.parse(url).endpoint[0] == host


def test_a_wrong_password(cluster: Cluster) -> None:
    """A login that is refused is a matter of permissions, and does not show what was tried."""
    server = PostgresServer.from_url(f"postgresql://admin:wr0ng@127.0.0.1:{cluster.port}/postgres")
    with pytest.raises(AccessDenied, match="authentication failed") as caught:
        server.databases()
    assert "wr0ng" not in everything_said(caught.value)


def test_nobody_listens() -> None:
    """A server out of reach is named by host and port, with the reason."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        server = PostgresServer.from_url(f"postgresql://admin:pw@127.0.0.1:{port}/postgres")
        with pytest.raises(DatabaseError, match=rf"127\.0\.0\.1:{port}.*refused"):
            server.databases()


def test_scrub_hides_an_echoed_password(cluster: Cluster) -> None:
    """Should a server's words repeat the password, they are cleaned."""
    admin = AdminUrl.parse(cluster.url())
    assert PASSWORD not in admin.scrub(f"option '{PASSWORD}' not understood")


def test_through_a_tunnel(cluster: Cluster) -> None:
    """The name in the URL stays for the certificate; the packets go to the tunnel's mouth."""
    url = cluster.url().replace("127.0.0.1", "db.example.com")
    admin = AdminUrl.parse(url)
    assert ("db.example.com", cluster.port) == admin.endpoint
    asked: list[tuple[str, int]] = []

    def tunnel(host: str, port: int) -> tuple[str, int]:
        asked.append((host, port))
        return "127.0.0.1", cluster.port

    server = PostgresServer.from_url(url.replace(str(cluster.port), "1"), tunnel)
    assert "postgres" in [one.name for one in server.databases()]
    assert asked == [("db.example.com", 1)]


def test_a_tunnel_leads_to_a_tcp_address() -> None:
    """The path of a socket is refused in words: no tunnel leads to it."""
    url = "postgresql://admin:pw@%2Fvar%2Frun/postgres"
    server = PostgresServer.from_url(url, lambda *_: ("", 0))
    with pytest.raises(ConfigError, match="one TCP address"):
        server.databases()


class Lent:
    """A client of a pooler: it is named no process, and served by the session it is lent now."""

    def __init__(self, lend: Callable[[], psycopg.Connection]) -> None:
        self._lend = lend
        version = lend().info.server_version
        self.info = SimpleNamespace(backend_pid=0, server_version=version)

    def execute(self, *words: Any) -> Any:
        return self._lend().execute(*words)

    def close(self) -> None:
        """The server's session stays the pooler's."""


def test_a_pooler_that_lends_transactions_is_refused(cluster: Cluster) -> None:
    """Two clients at once are served by one process of the server."""
    with psycopg.connect(cluster.url(), autocommit=True) as only:
        pooled: Any = lambda _: Lent(lambda: only)  # noqa: E731 -- stands for many sessions
        with pytest.raises(Refused, match="pool_mode = transaction") as caught:
            PostgresServer(pooled).examine("", ["app"])
    assert "pool_mode = session" in caught.value.cure


def test_a_pooler_that_lends_sessions_will_do(cluster: Cluster) -> None:
    """Each client has a process of its own, whatever the pooler says of it."""
    opened: list[psycopg.Connection] = []

    def connect(_: str) -> Any:
        opened.append(psycopg.connect(cluster.url(), autocommit=True))
        return Lent(lambda own=opened[-1]: own)  # type: ignore[misc]

    try:
        assert PostgresServer(connect).examine("", ["app"]).missing == frozenset()
    finally:
        for one in opened:
            one.close()


def test_the_server_itself_is_asked_no_second_time(cluster: Cluster) -> None:
    """It names its process; most servers are not behind a pooler."""
    urls: list[str] = []

    def connect(name: str) -> psycopg.Connection:
        urls.append(name)
        return psycopg.connect(cluster.url(), autocommit=True)

    PostgresServer(connect).examine("", ["app"])
    assert len(urls) == 1
