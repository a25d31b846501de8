"""What hinders a release, looked at on a real PostgreSQL before anything is made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from reconciler.database import findings
from reconciler.database.grants import Grant, On
from reconciler.database.postgres.engine import PostgresServer
from reconciler.database.state_comment import Memory
from reconciler.errors import Refused
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from tests.support.postgres_cluster import Cluster

SHOP = DeployId.parse("shop/20261123T031502Z-7kq2m")
ACT = FencedAct(5, SHOP, "Z123/shop._deploy.example.com")
NOW = datetime(2026, 11, 23, 3, 20, tzinfo=UTC)
ROLES = """
CREATE ROLE writers;
CREATE ROLE desk LOGIN IN ROLE writers;
CREATE ROLE worker LOGIN PASSWORD 'worker' IN ROLE app;
CREATE ROLE boss LOGIN SUPERUSER PASSWORD 'boss';
CREATE ROLE climber LOGIN IN ROLE boss;
CREATE ROLE pen LOGIN IN ROLE pg_write_all_data;
CREATE ROLE locked LOGIN;
"""


@pytest.fixture(scope="session", autouse=True)
def _roles(cluster: Cluster) -> None:
    """Roles as servers of several services have them. Once: a worker may come back to this file."""
    cluster.execute("postgres", ROLES, "root")


@pytest.fixture
def large(cluster: Cluster, database: str) -> Iterator[str]:
    """A live database with one large object."""
    cluster.execute(database, "SELECT lo_from_bytea(0, 'upload')")
    yield database
    cluster.execute(database, "SELECT lo_unlink(oid) FROM pg_largeobject_metadata")


def test_a_role_that_does_not_exist(server: PostgresServer, database: str) -> None:
    """Named; nothing else is said of it."""
    found = server.examine(database, ("metabase_2", "app"))
    assert (found.missing, found.members) == (frozenset({"metabase_2"}), frozenset())
    assert server.examine("", ("app",)).missing == frozenset()


def test_members_may_act_as_the_role(server: PostgresServer, database: str) -> None:
    """The login may be another role, as long as it is a member."""
    members = server.examine(database, ("app", "worker")).members
    assert {"app", "worker", "admin"} <= members
    assert not {"clerk", "reporter", "pen"} & members


@pytest.mark.parametrize(
    ("role", "why"),
    [
        ("boss", "is a superuser"),
        ("climber", "can become the superuser boss"),
        ("pen", "is a member of pg_write_all_data"),
    ],
)
def test_what_no_privilege_binds(
    server: PostgresServer, database: str, role: str, why: str
) -> None:
    """Said with its reason, by the freeze too; no cure takes anything from that role."""
    assert server.examine(database, (role,)).unbound == {role: why}
    with pytest.raises(Refused, match=f"{role} cannot be shut out: it {why}") as refused:
        server.shut(database, ACT, [role], 5)
    assert "ALTER ROLE" not in refused.value.cure
    assert "REVOKE" not in refused.value.cure
    assert f"Leave {role} as it is" in refused.value.cure
    assert server.examine(database, ("app",)).unbound == {}


def test_the_cure_gives_the_application_a_role_of_its_own(
    cluster: Cluster, server: PostgresServer
) -> None:
    """Followed word by word, the freeze passes, and the superuser is what it was."""
    name = cluster.new_name()
    cluster.execute("postgres", f"CREATE DATABASE {name} OWNER boss", "root")
    cluster.execute(
        name, "CREATE TABLE t (n serial); CREATE VIEW v AS SELECT 1; CREATE SEQUENCE s", "boss"
    )
    cluster.execute("postgres", "CREATE ROLE app_owner LOGIN PASSWORD 'app_owner'", "root")
    cluster.execute("postgres", "GRANT app_owner TO admin", "root")
    cluster.execute(name, f"ALTER DATABASE {name} OWNER TO app_owner", "root")
    cluster.execute(name, "ALTER SCHEMA public OWNER TO app_owner", "root")
    with cluster.connect(name, "root") as root:
        query = findings.OWNED.replace("@LITERAL@", "'\"boss\"'")
        for (statement,) in root.execute(query.encode()).fetchall():
            root.execute(str(statement).encode())
    cluster.execute(name, "INSERT INTO t VALUES (1), (DEFAULT)", "app_owner")
    found = server.examine(name, ("app_owner",))
    assert (found.missing, found.unbound, found.others) == (frozenset(), {}, {})
    server.shut(name, ACT, ["app_owner"], 5)
    assert server.is_shut(name)
    cluster.execute("postgres", f"DROP DATABASE {name}", "root")
    assert server.examine("", ("boss",)).unbound == {"boss": "is a superuser"}


def test_who_else_writes(cluster: Cluster, server: PostgresServer, database: str) -> None:
    """By a grant, on a column, through a group, as an owner; PUBLIC is everybody."""
    cluster.execute(
        database, "GRANT UPDATE ON lines TO writers; GRANT CREATE ON SCHEMA public TO pen"
    )
    cluster.execute(database, "GRANT INSERT ON lines TO locked")
    cluster.execute(database, f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC", "admin")
    cluster.execute(database, f"GRANT CONNECT ON DATABASE {database} TO clerk, reporter, writers")
    found = server.examine(database, ("app", "worker")).others
    odd = Grant(On.TABLE, ("stock", 'Odd "name'), "", "INSERT")
    assert found == {
        "": {odd},
        "clerk": {Grant(On.TABLE, ("public", "orders"), "clerk", "INSERT")},
        "desk": {Grant(On.TABLE, ("public", "lines"), "desk", "UPDATE")},
        "reporter": {Grant(On.COLUMN, ("public", "orders", "note"), "reporter", "UPDATE")},
    }
    assert findings.other_lines(found) == [
        'every role (PUBLIC): INSERT on stock.Odd "name',
        "clerk: INSERT on public.orders",
        "desk: UPDATE on public.lines",
        "reporter: UPDATE on public.orders.note",
    ]
    assert "clerk" not in server.examine(database, ("app", "clerk")).others


def test_an_owner_of_tables_is_another_role(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """Its own privileges need no grant; after a release it owns nothing in the copy."""
    cluster.execute(database, "CREATE TABLE imports (n int)", "root")
    cluster.execute(database, "ALTER TABLE imports OWNER TO clerk", "root")
    paths = {one.path for one in server.examine(database, ("app",)).others["clerk"]}
    assert paths == {("public", "orders"), ("public", "imports")}


def test_many_tables_are_counted() -> None:
    """A line is for people: some names, and how many more."""
    grants = [Grant(On.TABLE, ("public", f"t{n}"), "clerk", "INSERT") for n in range(9)]
    [line] = findings.other_lines({"clerk": grants})
    assert line == (
        "clerk: INSERT on public.t0, public.t1, public.t2, public.t3, public.t4 and 4 more"
    )


# What a shut database still takes.


@pytest.mark.parametrize(
    "write",
    [
        "SELECT lo_from_bytea(0, 'late')",
        "SELECT lo_create(0)",
        "SELECT lo_put(lo_creat(-1), 0, 'late')",
        "REFRESH MATERIALIZED VIEW sums",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY sums",
        "ALTER SEQUENCE tickets RESTART",
        "ALTER SEQUENCE tickets RESTART WITH 7",
        "ALTER TABLE lines ALTER id RESTART WITH 7",
    ],
)
def test_what_a_shut_database_still_takes_is_seen_before_the_commit(
    cluster: Cluster, server: PostgresServer, database: str, write: str
) -> None:
    """No privilege stops it; the digest, compared right before the commit, shows it."""
    cluster.execute(
        database,
        "CREATE MATERIALIZED VIEW sums AS SELECT id, now() AS at FROM orders;"
        "CREATE UNIQUE INDEX ON sums (id)",
    )
    server.shut(database, ACT, ["app"], 5)
    digest = server.schema_digest(database)
    cluster.execute(database, write)
    assert server.is_shut(database)
    assert server.schema_digest(database) != digest


def test_large_objects_are_counted(server: PostgresServer, database: str, large: str) -> None:
    """By an admin who may not look into one."""
    assert database == large
    assert server.examine(large, ("app",)).large_objects == 1


def test_large_objects_are_changes_that_nobody_counted(server: PostgresServer, large: str) -> None:
    """A rollback does not say "no row changes" where there are any: they came after the release."""
    server.record_baseline(large, ACT)
    assert server.changes_since_baseline(large).unknown


MASTER = """
CREATE ROLE master LOGIN CREATEDB CREATEROLE PASSWORD 'master';
GRANT rds_superuser TO master;
"""
"""The first login of an RDS server."""


@pytest.fixture(scope="session")
def master(cluster: Cluster) -> PostgresServer:
    """The edge as such a login, which has made the application's role itself."""
    cluster.execute("postgres", MASTER, "root")
    cluster.execute("postgres", "CREATE ROLE web LOGIN PASSWORD 'web'", "master")
    return PostgresServer.from_url(cluster.url("master"))


@pytest.fixture
def web(cluster: Cluster) -> Iterator[str]:
    """A live database of that role."""
    name = cluster.new_name()
    cluster.execute("postgres", f"CREATE DATABASE {name} OWNER web", "root")
    cluster.execute(name, "CREATE TABLE orders (n int); INSERT INTO orders VALUES (1)", "web")
    yield name
    cluster.drop(name)


def test_who_made_a_role_may_not_act_as_it(
    cluster: Cluster, master: PostgresServer, web: str
) -> None:
    """Since 16. Found before anything is made; followed word by word, everything works."""
    if cluster.major < 16:
        pytest.skip("up to 15, CREATEROLE may do everything with every role")
    found = master.examine(web, ("web", "web")).powerless
    assert found == {"INHERIT", "SET"}
    cure = findings.powerless("web", found).cure.splitlines()[1]
    cluster.execute("postgres", cure.replace("the role of database.admin", "master"), "master")
    assert master.examine(web, ("web", "web")).powerless == frozenset()
    master.shut(web, ACT, ("web",), 5.0)
    assert master.is_shut(web)
    name = SHOP.database_name(ACT.ledger)
    master.create(name, "web", Memory(SHOP, ACT.ledger, NOW), web)
    copy = FencedAct(6, SHOP, ACT.ledger)
    with cluster.connect(name, "web"):
        master.drop(name, copy, ("web",))
    assert name not in {one.name for one in master.databases()}


def test_an_admin_that_may_act_as_the_role(server: PostgresServer, database: str) -> None:
    """A member in the old way, and a superuser."""
    assert server.examine(database, ("app",)).powerless == frozenset()


def test_an_extension_that_no_copy_would_get(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """Found before live is shut: only a superuser creates it, or a member of the cloud's role."""
    untrusted = "SELECT name FROM pg_available_extension_versions WHERE superuser AND NOT trusted"
    with cluster.connect("postgres", "root") as session:
        row = session.execute(f"{untrusted} ORDER BY name = 'vector' DESC").fetchone()
    if row is None:
        pytest.skip("this server has none")
    name = str(row[0])
    cluster.execute(database, f'CREATE EXTENSION "{name}"', "root")
    assert server.examine(database, ("app",)).extensions == {name}
    refusal = findings.cannot_create(database, "app", [name])
    [statement] = re.findall("GRANT .*", refusal.cure)
    cluster.execute("postgres", statement, "root")
    try:
        found = server.examine(database, ("app",))
        assert (found.extensions, found.unbound) == (frozenset(), {})
        for allowed, refused in (
            ("pg_trgm, hstore", {name}),
            (f"pg_trgm, {name}", set()),
            ("*", set()),
        ):
            allow(cluster, database, allowed)
            assert server.examine(database, ("app",)).extensions == refused, allowed
    finally:
        cluster.execute("postgres", "REVOKE rds_extension FROM app", "root")


def allow(cluster: Cluster, database: str, extensions: str) -> None:
    """As a parameter group of RDS does. Only the setting is imitated: nobody refuses here."""
    setting = f"""SET "rds.allowed_extensions" = '{extensions}'"""
    cluster.execute("postgres", f"ALTER DATABASE {database} {setting}", "root")
