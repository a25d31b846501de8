"""Databases that people copy, restore and rename: other people's stay so, and the owner has a word.

With PostgreSQL's own tools, as a DBA uses them.
"""

from __future__ import annotations

import json
import subprocess

import psycopg
import pytest

from deployer.sandbox.postgres.server import install_directory
from reconciler.exit_codes import Exit
from reconciler.model.deploy_id import DeployId
from tests.e2e.probes import place_order, takes_writes, writable
from tests.e2e.zone import said
from tests.support.company import Company


@pytest.fixture
def released(adopted: Company) -> Company:
    """v1.5.0 live, v1.4.2 before it."""
    adopted.up("v1.5.0")
    return adopted


def tool(name: str, *arguments: str, given: bytes = b"") -> bytes:
    """Run one of PostgreSQL's tools."""
    line = [str(install_directory() / "bin" / name), *arguments]
    return subprocess.run(line, input=given, stdout=subprocess.PIPE, check=True, timeout=60).stdout


def execute(company: Company, *texts: str) -> None:
    """Statements of a DBA on the server."""
    with psycopg.connect(company.admin_url(), autocommit=True) as session:
        for text in texts:
            session.execute(text.encode())


def copied_with_its_comment(company: Company, database: str, name: str) -> None:
    """`pg_dump --create`, another name in the text (in the comment, too), `psql`."""
    text = tool("pg_dump", "--create", company.admin_url(database)).decode()
    tool("psql", "--quiet", company.admin_url(), given=text.replace(database, name).encode())


def restored_in_place(company: Company, database: str) -> None:
    """Renamed, as soon as nobody is connected, and a backup restored under its name."""
    dump = tool("pg_dump", "--format=custom", "--create", company.admin_url(database))
    ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with psycopg.connect(company.admin_url(), autocommit=True) as session:
        session.execute(ends, [database])
    execute(company, f'ALTER DATABASE "{database}" RENAME TO shop_set_aside')
    tool("pg_restore", "--create", f"--dbname={company.admin_url()}", given=dump)


def comment(company: Company, database: str) -> str:
    """What stands as its comment."""
    with psycopg.connect(company.admin_url()) as session:
        text = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        row = session.execute(text, [database]).fetchone()
    return str(row and row[0])


def test_a_copy_is_other_peoples(released: Company) -> None:
    """Its comment was copied: it answers for nobody, and nothing is taken from it.

    And a backup of a forgotten release, restored under its own name, with somebody in it, stays.
    """
    database, (older,) = str(released.get()["database"]), said(released).previous
    copied_with_its_comment(released, database, "audit")
    address = json.loads(comment(released, database))["ledger"]
    forgotten = DeployId.parse("shop/20250101T031502Z-7kq2m").database_name(address)
    execute(released, f"CREATE DATABASE {forgotten}")
    placed = {place_order(released) for _ in range(3)}
    remembered = comment(released, "audit")
    with psycopg.connect(released.admin_url(forgotten), autocommit=True) as dba:
        released.ok("reconciler", "sweep")
        refused = released.deployer("rollback", "shop", "--to", older)
        assert refused.code == Exit.REFUSED, refused
        assert "orders 3" in refused.err
        released.ok("deployer", "rollback", "shop", "--to", older, "--discard-writes")
        released.ok("reconciler", "sweep")
        assert dba.execute("SELECT 1").fetchone() == (1,)
    assert forgotten in released.databases()
    assert placed <= released.rows(database)
    assert comment(released, "audit") == remembered
    assert takes_writes(released, "audit")
    assert "audit" in released.ok("reconciler", "plan", "--json").out
    execute(released, "DROP DATABASE audit", f"DROP DATABASE {forgotten}")
    assert writable(released) == ["shop"]


def test_a_restored_database_is_its_owners_to_name(released: Company) -> None:
    """Unknown, and nothing is touched; one command says which it is, and releases go on."""
    database, first = str(released.get()["database"]), place_order(released)
    restored_in_place(released, database)
    swept = released.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    refused = released.deployer("up", "shop", "--ref", "v1.7.0")
    assert refused.code == Exit.REFUSED, refused
    cure = f"deployer recover shop --database {database}"
    assert cure in refused.err
    assert cure in released.deployer("status", "shop").out
    shown = released.ok("deployer", *cure.split()[1:], "--yes").out
    assert "shop_set_aside" in shown
    released.ok("reconciler", "sweep")
    released.up("v1.7.0")
    assert first in released.rows(str(released.get()["database"]))
    assert not takes_writes(released, database)
    assert takes_writes(released, "shop_set_aside")
