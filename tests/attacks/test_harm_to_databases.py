"""Whose database it is: what each attack lost or took before rules 15 and 16 were kept.

As in `test_harm_to_ledgers`: no exit code is asked, only what became of people's data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import psycopg
import pytest

from reconciler.model.deploy_id import DeployId
from tests.e2e.probes import die_in, place_order, takes_writes
from tests.e2e.test_copied_databases import comment, copied_with_its_comment, execute
from tests.e2e.zone import let_time_pass, said
from tests.support.company import Company, Running

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def released(adopted: Company) -> Company:
    """v1.5.0 live, v1.4.2 before it."""
    adopted.up("v1.5.0")
    return adopted


def in_shop(company: Company, *texts: str, database: str = "shop") -> list[tuple[object, ...]]:
    """Statements in a database of the shop, as its administrator; the last one's rows."""
    with psycopg.connect(company.admin_url(database), autocommit=True) as session:
        for text in texts[:-1]:
            session.execute(text.encode())
        cursor = session.execute(texts[-1].encode())
        return cursor.fetchall() if cursor.description else []


def serving(company: Company) -> str:
    """The database that clients write into."""
    return str(company.get()["database"])


def test_a_copy_with_its_comment(released: Company) -> None:
    """Back, forward, three orders, back again without `--discard-writes`: none of them is lost.

    And whoever made the copy may write there all the time.
    """
    database, (older,), newer = serving(released), said(released).previous, said(released).live
    copied_with_its_comment(released, database, "audit")
    released.deployer("rollback", "shop", "--to", older, "--discard-writes")
    open_there = takes_writes(released, "audit")
    released.deployer("rollback", "shop", "--to", newer, "--discard-writes")
    placed = {place_order(released) for _ in range(3)}
    released.deployer("rollback", "shop", "--to", older)
    kept = placed & released.rows(serving(released))
    assert {"copy open": open_there, "kept": kept} == {"copy open": True, "kept": placed}


def test_a_backup_of_a_forgotten_release(released: Company) -> None:
    """A DBA restored it under its own name, without a comment, and works in it."""
    address = json.loads(comment(released, serving(released)))["ledger"]
    forgotten = DeployId.parse("shop/20250101T031502Z-7kq2m").database_name(address)
    execute(released, f"CREATE DATABASE {forgotten}")
    with psycopg.connect(released.admin_url(forgotten), autocommit=True):
        released.reconciler("sweep")
    assert forgotten in released.databases()


def test_a_dead_releases_database_is_held(adopted: Company) -> None:
    """`reconciler hold` says that somebody needs it."""
    before = adopted.databases()
    die_in(adopted, "migrate")
    let_time_pass(adopted, "until")
    (database,) = set(adopted.databases()) - set(before)
    adopted.reconciler("hold", database, "its orders are evidence")
    adopted.reconciler("sweep")
    assert database in adopted.databases()


def test_a_held_machine_needs_its_database(adopted: Company) -> None:
    """Held in the console, by the tag alone."""
    before = adopted.resources()
    die_in(adopted, "migrate")
    let_time_pass(adopted, "until")
    (machine,) = adopted.resources()["instance"] - before["instance"]
    left = adopted.resources()
    adopted.aws("ec2").create_tags(Resources=[machine], Tags=[{"Key": "deploy-hold", "Value": ""}])
    adopted.reconciler("sweep")
    assert adopted.resources() == left


def reporting_role(company: Company) -> None:
    """Another team's role, which writes into one of the shop's tables."""
    execute(
        company,
        "CREATE ROLE metabase LOGIN PASSWORD 'metabase'",
        "GRANT metabase TO CURRENT_USER WITH INHERIT TRUE, SET TRUE",
    )
    in_shop(company, "SET ROLE shop", "GRANT UPDATE, SELECT ON orders TO metabase")


def test_another_roles_name(adopted: Company) -> None:
    """`app_role` names a reporting role: nothing of production belongs to it.

    The release migrates nothing; the next one would fail to, and metabase may drop the database.
    """
    reporting_role(adopted)
    adopted.configure("^app_role = .*", 'app_role = "metabase"')
    adopted.configure("^migrate  = .*", "")
    adopted.deployer("up", "shop", "--ref", "v1.4.2")
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert in_shop(adopted, owner, database=serving(adopted)) == [("shop",)]


def test_the_cure_for_a_superuser(adopted: Company) -> None:
    """`app_role = "postgres"`: what is proposed takes nothing from the only superuser."""
    adopted.configure("^app_role = .*", 'app_role = "postgres"')
    done = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert not re.findall(r'ALTER ROLE "?postgres.*', done.out + done.err)


def test_a_second_role_that_writes(adopted: Company) -> None:
    """A report's UPDATE is taken before the release and after it."""
    reporting_role(adopted)
    adopted.deployer("up", "shop", "--ref", "v1.5.0")
    with psycopg.connect(adopted.admin_url("shop"), user="metabase", password="metabase") as one:
        one.execute("UPDATE orders SET item = item")


def meanwhile(release: Running, step: str, act: Callable[[], object]) -> None:
    """Do something in a step of a release, or after its end if it does not come so far."""
    try:
        release.wait_for_step(step)
    except AssertionError:
        act()
    else:
        act()
        release.finish()


@pytest.mark.parametrize(
    ("before", "act", "reads"),
    [
        pytest.param(
            "SELECT lo_from_bytea(4711, 'a')",
            "SELECT lo_put(4711, 0, 'b')",
            "SELECT lo_get(4711)",
            id="large object",
        ),
        pytest.param(
            "SELECT 1",
            "ALTER SEQUENCE orders_id_seq RESTART 5000",
            "SELECT last_value FROM orders_id_seq",
            id="sequence",
        ),
        pytest.param(
            "CREATE MATERIALIZED VIEW fresh AS SELECT now() AS at",
            "REFRESH MATERIALIZED VIEW fresh",
            "SELECT at FROM fresh",
            id="materialized view",
        ),
    ],
)
def test_what_a_shut_database_takes(adopted: Company, before: str, act: str, reads: str) -> None:
    """Acknowledged to the app's role while live is shut: it stands where clients are served."""
    in_shop(adopted, "SET ROLE shop", before)
    adopted.configure("^migrate  = .*", 'migrate = ["./bin/migrate", "sleep 6"]')
    with adopted.releasing() as release:
        meanwhile(release, "migrate", lambda: in_shop(adopted, "SET ROLE shop", act))
    ((acknowledged,),) = in_shop(adopted, reads)
    ((served,),) = in_shop(adopted, reads, database=serving(adopted))
    assert served >= acknowledged  # type: ignore[operator]
