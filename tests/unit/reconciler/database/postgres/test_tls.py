"""A server that wants TLS, as clouds have them: `sslmode=verify-full` with a bundle of authorities.

A real one: the distribution's, since the wheel's is built without TLS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.provisioning.database_copy import CopyJob
from deployer.provisioning.local_shell import LocalShell, Runner
from reconciler.database.postgres.connection import AdminUrl
from reconciler.database.postgres.engine import PostgresServer
from reconciler.errors import ToolError
from reconciler.machine import ssh
from reconciler.machine.ssh.client import RemoteShell
from reconciler.machine.ssh.route import DIRECT
from reconciler.util.backoff import Backoff
from reconciler.wiring.database_tunnel import DatabaseTunnel
from tests.support.postgres_cluster import VERSION, Cluster, copy_database, installed, running
from tests.support.ssh_server import serving
from tests.support.tls_certificates import authority

WITH_TLS = [name for name, path in installed().items() if path.is_relative_to("/usr")]


@pytest.fixture(scope="module")
def encrypted(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Cluster, Path]]:
    """A server that lets in nobody without TLS but its superuser, and its bundle."""
    if not WITH_TLS:
        pytest.skip("no PostgreSQL with TLS is installed: apt-get install postgresql")
    folder = tmp_path_factory.mktemp("tls")
    bundle = authority(folder, "localhost")
    access = "host all root 127.0.0.0/8 scram-sha-256\nhostssl all all 127.0.0.0/8 scram-sha-256\n"
    (folder / "access").write_text(access)
    settings = {
        "ssl": "on",
        "ssl_cert_file": str(folder / "server.crt"),
        "ssl_key_file": str(folder / "server.key"),
        "hba_file": str(folder / "access"),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VERSION, WITH_TLS[-1])
        with running(settings) as cluster:
            yield cluster, bundle


@pytest.fixture
def database(encrypted: tuple[Cluster, Path]) -> Iterator[str]:
    """A live database, made by the superuser: the admin's own way is what is tested."""
    cluster, _ = encrypted
    name = cluster.new_name()
    cluster.execute("postgres", f"CREATE DATABASE {name} OWNER app", "root")
    cluster.execute(name, "CREATE TABLE orders (n int); INSERT INTO orders VALUES (1)", "root")
    cluster.execute(name, "ALTER TABLE orders OWNER TO app", "root")
    yield name
    cluster.drop(name)


def secure(cluster: Cluster, bundle: Path, host: str = "localhost") -> str:
    """The admin's URL as a cloud's manual has it."""
    return f"{cluster.url().replace('127.0.0.1', host)}?sslmode=verify-full&sslrootcert={bundle}"


def test_the_servers_certificate_is_checked(encrypted: tuple[Cluster, Path], database: str) -> None:
    """And the session is encrypted."""
    cluster, bundle = encrypted
    admin = AdminUrl.parse(secure(cluster, bundle))
    with admin.connect(database) as session:
        row = session.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert row == (True,)
    server = PostgresServer.from_url(secure(cluster, bundle))
    assert database in {one.name for one in server.databases()}


@pytest.mark.parametrize("wrong", ["authority", "host", "none"])
def test_nobody_talks_to_another_server(
    encrypted: tuple[Cluster, Path], tmp_path: Path, wrong: str
) -> None:
    """Signed by somebody else, or for another name; and the server wants TLS in any case."""
    cluster, bundle = encrypted
    urls = {
        "authority": secure(cluster, authority(tmp_path, "localhost")),
        "host": secure(cluster, bundle, "127.0.0.1"),
        "none": f"{cluster.url()}?sslmode=disable",
    }
    with pytest.raises(ToolError) as refused:
        PostgresServer.from_url(urls[wrong]).databases()
    words = {"authority": "SSL error", "host": "does not match", "none": "no encryption"}
    assert words[wrong] in f"{refused.value.message}\n{refused.value.detail}"


def test_the_certificate_is_checked_through_a_tunnel(
    encrypted: tuple[Cluster, Path], machine: RemoteShell
) -> None:
    """The tunnel ends at an address of this computer; the name is still the URL's."""
    cluster, bundle = encrypted
    tunnel = DatabaseTunnel(lambda: machine)
    assert PostgresServer.from_url(secure(cluster, bundle), tunnel).databases()
    with pytest.raises(ToolError) as refused:
        PostgresServer.from_url(secure(cluster, bundle, "127.0.0.1"), tunnel).databases()
    assert "does not match" in f"{refused.value.message}\n{refused.value.detail}"


@pytest.mark.parametrize("where", ["here", "machine"])
def test_dump_and_restore_go_the_same_way(
    encrypted: tuple[Cluster, Path], database: str, where: str, request: pytest.FixtureRequest
) -> None:
    """The bundle's path is no secret: it is in the tools' connection string, here or over SSH."""
    cluster, bundle = encrypted
    runner: Runner = LocalShell() if where == "here" else request.getfixturevalue("machine")
    server = PostgresServer.from_url(secure(cluster, bundle))
    copy = cluster.new_name()
    cluster.execute("postgres", f"CREATE DATABASE {copy} OWNER app", "root")
    job = CopyJob(
        AdminUrl.parse(secure(cluster, bundle)),
        database,
        copy,
        "app",
        frozen=False,
        tools=str(cluster.bin),
        timeout=60,
    )
    try:
        copy_database(job, runner, server)
        assert server.row_counts(copy) == server.row_counts(database)
        plain = replace(job, admin=AdminUrl.parse(f"{cluster.url()}?sslmode=disable"))
        with pytest.raises(ToolError):
            copy_database(plain, runner, server)
    finally:
        cluster.drop(copy)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[RemoteShell]:
    """A session on a machine from which the server is reached."""
    with serving(tmp_path / "machine") as there:
        key, backoff = there.host_key.public, Backoff(deadline=60.0)
        session = ssh.connect(there.target, key, there.client, backoff, DIRECT)
        yield session
        session.close()
