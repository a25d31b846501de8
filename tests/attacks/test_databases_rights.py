"""Attacks on rights and roles of a database, on a real PostgreSQL (docs/attacks-databases.md).

The numbers are those of the list.
"""

from __future__ import annotations

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from reconciler.database.postgres.engine import PostgresServer
from reconciler.errors import AccessDenied
from tests.attacks.databases import act, copied, rows
from tests.support.postgres_cluster import Cluster, every_acl


def test_14_rights_in_the_copy(cluster: Cluster, database: str) -> None:
    """Row level security, EXECUTE taken from PUBLIC, a reader's SELECT: as they were in live."""
    with cluster.connect(database) as app:
        app.execute(
            "CREATE FUNCTION refund() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"
        )
        app.execute("REVOKE EXECUTE ON FUNCTION refund() FROM PUBLIC")
    with copied(cluster, database) as copy, cluster.connect(copy, "reporter") as reporter:
        reporter.execute("SELECT count(*) FROM orders")
        with pytest.raises(InsufficientPrivilege):
            reporter.execute("SELECT refund()")


def test_14_row_security_binds_the_app_in_the_copy(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """The tables are another role's, so policies bind the app; in the copy they would be its own.

    Either the copy binds it as well, or the release is refused before anything is copied.
    """
    with cluster.connect(database, "root") as root:
        root.execute("CREATE ROLE keeper; GRANT keeper TO admin")
        try:
            root.execute("CREATE TABLE secrets (tenant int)")
            root.execute("INSERT INTO secrets VALUES (1), (2)")
            root.execute("ALTER TABLE secrets ENABLE ROW LEVEL SECURITY")
            root.execute("CREATE POLICY one ON secrets USING (tenant = 1)")
            root.execute("ALTER TABLE secrets OWNER TO keeper")
            root.execute("GRANT SELECT, INSERT ON secrets TO app")
            with cluster.connect(database) as app:
                assert rows(app, "SELECT tenant FROM secrets") == [(1,)]
            found = server.examine(database, ("app", "app"))
            assert (found.policies, found.owners) == (
                frozenset({"public.secrets"}),
                frozenset({"keeper"}),
            )
            root.execute("ALTER TABLE secrets FORCE ROW LEVEL SECURITY")
            root.execute("ALTER ROLE admin BYPASSRLS")
            assert not server.examine(database, ("app", "app")).policies
            with copied(cluster, database) as copy, cluster.connect(copy) as app:
                assert rows(app, "SELECT tenant FROM secrets") == [(1,)]
        finally:
            root.execute("ALTER ROLE admin NOBYPASSRLS")
            root.execute("DROP TABLE secrets")
            root.execute("DROP ROLE keeper")


def test_15_what_no_dump_has_is_in_the_copy(cluster: Cluster, database: str) -> None:
    """Settings of the database and of a role in it, CONNECT, collation: the copy has them."""
    name = f'"{database}"'
    with cluster.connect(database, "root") as root:
        for text in (
            f"ALTER DATABASE {name} SET timezone = 'Europe/Berlin'",
            f"ALTER DATABASE {name} SET search_path = stock, public",
            f"ALTER ROLE app IN DATABASE {name} SET statement_timeout = '7s'",
            "GRANT app TO admin WITH ADMIN OPTION",
            f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {name} TO reporter",
            f"ALTER DATABASE {name} CONNECTION LIMIT 90",
        ):
            root.execute(text.encode())
    with copied(cluster, database) as copy, cluster.connect(copy) as app:
        shown = [rows(app, f"SHOW {one}")[0][0] for one in ("timezone", "search_path")]
        assert shown == ["Europe/Berlin", "stock, public"]
        assert rows(app, "SHOW statement_timeout") == [("7s",)]
        cluster.connect(copy, "reporter").close()
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            cluster.connect(copy, "clerk")


def test_15_a_setting_that_the_admin_may_not_give_is_named(cluster: Cluster, database: str) -> None:
    """An admin without the option on the role: what to grant is said, and live is as it was."""
    with cluster.connect(database, "root") as root:
        root.execute("REVOKE ADMIN OPTION FOR app FROM admin")
        root.execute(f'ALTER ROLE app IN DATABASE "{database}" SET work_mem = 999'.encode())
    words = pytest.raises(AccessDenied, match="work_mem is set for role app")
    with words as refused, copied(cluster, database):
        pass
    assert 'GRANT "app" TO' in refused.value.cure
    cluster.server().thaw(database, act(6))
    cluster.execute(database, "INSERT INTO orders (total) VALUES (1)")


def test_16_a_role_that_no_revoke_binds_is_named(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """A loader that is a member of pg_write_all_data has no privilege of its own to be taken."""
    with cluster.connect(database, "root") as root:
        root.execute("GRANT pg_write_all_data TO clerk")
        try:
            root.execute("REVOKE ALL ON orders FROM clerk CASCADE")
            assert server.examine(database, ("app", "app")).free == {"clerk"}
        finally:
            root.execute("REVOKE pg_write_all_data FROM clerk")


def test_16_other_peoples_functions_and_views_are_shut(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """What runs as a role without login is bound as well; a superuser's view is taken itself."""
    with cluster.connect(database, "root") as root:
        root.execute("CREATE ROLE keeper; GRANT keeper TO admin")
        try:
            root.execute("CREATE TABLE kept (n int)")
            root.execute("CREATE VIEW window_ AS SELECT * FROM kept")
            root.execute("GRANT INSERT ON window_ TO app")
            root.execute("ALTER VIEW window_ OWNER TO keeper")
            root.execute("ALTER TABLE kept OWNER TO keeper")
            root.execute(
                "CREATE FUNCTION keep() RETURNS void LANGUAGE sql SECURITY DEFINER "
                "AS 'INSERT INTO kept VALUES (1)'"
            )
            root.execute("ALTER FUNCTION keep() OWNER TO keeper")
            with cluster.connect(database) as app:
                app.execute("SELECT keep()")
                app.execute("INSERT INTO window_ VALUES (1)")
                server.shut(database, act(5), ["app"], 5)
                for text in ("SELECT keep()", "INSERT INTO window_ VALUES (2)"):
                    with pytest.raises(InsufficientPrivilege):
                        app.execute(text.encode())
        finally:
            root.execute("DROP FUNCTION keep(); DROP VIEW window_; DROP TABLE kept")
            root.execute("DROP ROLE keeper")


def test_17_privileges_of_every_shape_come_back(
    cluster: Cluster, server: PostgresServer, database: str
) -> None:
    """Odd names, columns, PUBLIC, what was handed on: nothing writes, nothing is lost."""
    odd = 'We"ird % {0} %s é'
    quoted = '"' + odd.replace('"', '""') + '"'
    with cluster.connect(database, "root") as root:
        try:
            root.execute(f"CREATE ROLE {quoted} LOGIN PASSWORD 'x'".encode())
            for text in (
                f"CREATE SCHEMA {quoted} AUTHORIZATION app",
                f"CREATE TABLE {quoted}.{quoted} ({quoted} int)",
                f"ALTER TABLE {quoted}.{quoted} OWNER TO app",
                f"GRANT USAGE ON SCHEMA {quoted} TO PUBLIC",
                f"GRANT INSERT ({quoted}) ON {quoted}.{quoted} TO {quoted} WITH GRANT OPTION",
                f"SET ROLE {quoted}",
                f"GRANT INSERT ({quoted}) ON {quoted}.{quoted} TO clerk",
                "RESET ROLE",
            ):
                root.execute(text.encode())
            before = every_acl(root)
            server.shut(database, act(5), ["app"], 5)
            assert not server.writers(database)
            assert not server.thaw(database, act(6)).lost
            assert every_acl(root) == before
        finally:
            root.execute(f"DROP SCHEMA {quoted} CASCADE; DROP OWNED BY {quoted}".encode())
            root.execute(f"DROP ROLE {quoted}".encode())
