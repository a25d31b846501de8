"""The company's roles and databases on the sandbox's server, and their restoration.

As on RDS, `admin` is not a superuser: it has CREATEDB, CREATEROLE and rds_superuser, and acts on
the services' databases through its membership in their roles.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from deployer.sandbox.postgres import rds_roles
from deployer.sandbox.postgres.server import Login, Postgres

ADMIN = "admin"
_TEMPLATE_SUFFIX = "_first_day"
_SYSTEM = ("postgres", "template0", "template1")


@dataclass(frozen=True)
class Databases:
    """The databases of `services`, each named after its service and owned by its role."""

    server: Postgres
    services: tuple[str, ...]
    _salt: str = field(default_factory=lambda: secrets.token_hex(8))

    def login(self, role: str) -> Login:
        """The login of `admin` or of a service's role; constant for the life of the sandbox."""
        return Login(self.server.superuser.host, role, f"{role}-{self._salt}")

    def create(self) -> None:
        """Create the roles, and an empty database for every service."""
        with self.server.connect() as session:
            self._write_roles(session)
            for service in self.services:
                _run(session, "CREATE DATABASE {} OWNER {}", service, service)

    def remember(self) -> None:
        """Save the databases' present content as their initial state. Requires no open session."""
        with self.server.connect() as session:
            for service in self.services:
                template = service + _TEMPLATE_SUFFIX
                _run(session, "CREATE DATABASE {} TEMPLATE {}", template, service)
                _run(
                    session,
                    "ALTER DATABASE {} IS_TEMPLATE true ALLOW_CONNECTIONS false",
                    template,
                )

    def restore(self) -> None:
        """Restore exactly the initial databases and roles."""
        with self.server.connect() as session:
            for database in self._strays(session):
                _run(session, "DROP DATABASE {} WITH (FORCE)", database)
            self._drop_foreign_roles(session)
            self._write_roles(session)
            for service in self.services:
                template = service + _TEMPLATE_SUFFIX
                _run(
                    session,
                    "CREATE DATABASE {} OWNER {} TEMPLATE {}",
                    service,
                    service,
                    template,
                )

    def names(self) -> list[str]:
        """Every database except the server's own and our templates, sorted."""
        with self.server.connect() as session:
            return self._strays(session)

    def _strays(self, session: psycopg.Connection) -> list[str]:
        ours = [*_SYSTEM, *(service + _TEMPLATE_SUFFIX for service in self.services)]
        query = "SELECT datname FROM pg_database WHERE datname <> ALL (%s) ORDER BY 1"
        return [name for (name,) in session.execute(query, [ours])]

    def _drop_foreign_roles(self, session: psycopg.Connection) -> None:
        ours = [ADMIN, *self.services, *rds_roles.ROLES, self.server.superuser.role]
        query = r"SELECT rolname FROM pg_roles WHERE rolname <> ALL (%s) AND rolname !~ '^pg_'"
        for (role,) in session.execute(query, [ours]).fetchall():
            _run(session, "DROP OWNED BY {}", role)
            _run(session, "DROP ROLE {}", role)

    def _write_roles(self, session: psycopg.Connection) -> None:
        known = {name for (name,) in session.execute("SELECT rolname FROM pg_roles")}
        if rds_roles.SUPERUSER not in known:
            for statement in rds_roles.creation(session.info.server_version // 10_000):
                _run(session, statement)
        for role in (ADMIN, *self.services):
            if role not in known:
                _run(session, "CREATE ROLE {}", role)
            _run(session, "ALTER ROLE {} RESET ALL", role)
            self._allow(session, role)
        _grant_admin(session, self.services)

    def _allow(self, session: psycopg.Connection, role: str) -> None:
        """Reset attributes and password, whatever they were changed to."""
        may = "CREATEDB CREATEROLE" if role == ADMIN else "NOCREATEDB NOCREATEROLE"
        statement = sql.SQL(
            "ALTER ROLE {} LOGIN INHERIT NOSUPERUSER NOREPLICATION NOBYPASSRLS {} "
            "CONNECTION LIMIT -1 PASSWORD {}"
        )
        password = sql.Literal(self.login(role).password)
        session.execute(statement.format(sql.Identifier(role), sql.SQL(may), password))


def _grant_admin(session: psycopg.Connection, services: Iterable[str]) -> None:
    """The rights of an RDS server's first login, and those to act as the services' roles."""
    _run(session, "GRANT {} TO {}", rds_roles.SUPERUSER, ADMIN)
    for service in services:
        _run(
            session,
            "GRANT {} TO {} WITH ADMIN TRUE, INHERIT TRUE, SET TRUE",
            service,
            ADMIN,
        )


def _run(session: psycopg.Connection, statement: str, *names: str) -> None:
    """Run one statement of our own with `{}` for identifiers."""
    template = sql.SQL(statement)
    session.execute(template.format(*(sql.Identifier(name) for name in names)))
