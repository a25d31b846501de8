"""Attacks on whose database it is, through the sandbox (docs/attacks-databases.md)."""

from __future__ import annotations

import json

import psycopg
import pytest

from deployer.sandbox.control.client import Sandbox
from reconciler.exit_codes import Exit
from tests.e2e.probes import has, live_instance, place_order, writable
from tests.support.adoption import adopt
from tests.support.company import Company
from tests.support.warm_company import WarmCompany

pytestmark = pytest.mark.timeout(600)

NOTE = (
    "DO $x$ BEGIN EXECUTE format($y$COMMENT ON DATABASE %I IS $z$schema 42$z$$y$, "
    "current_database()); END $x$"
)
NOTES = (
    "migrate = ['''./bin/migrate; python3 -c 'from shop.database import connect; "
    f"held = connect(); held.__enter__().run(\"{NOTE}\")'''']"
)
GRANTS = [
    'GRANT INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO "shop"',
    'GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA public TO "shop"',
    'GRANT CREATE ON SCHEMA public TO "shop"',
]


@pytest.fixture
def adopted(sandbox: Sandbox) -> Company:
    """The company with its live v1 under a ledger."""
    company = WarmCompany(sandbox)
    company.look_often(25)
    adopt(company)
    return company


def execute(company: Company, text: str, database: str = "") -> None:
    """A statement of a DBA."""
    with psycopg.connect(company.admin_url(database), autocommit=True) as session:
        session.execute(text.encode())


def comment(company: Company, database: str) -> str | None:
    """What stands as its comment."""
    with psycopg.connect(company.admin_url()) as session:
        text = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        ((said,),) = session.execute(text, [database]).fetchall()
    return None if said is None else str(said)


def test_06_an_adopted_database_forgets_what_to_give_back(adopted: Company) -> None:
    """Its comment is deleted while it is shut; a rollback would go live on it."""
    adopted.up("v1.5.0")
    database = str(adopted.get()["database"])
    execute(adopted, "COMMENT ON DATABASE shop IS NULL")
    done = adopted.deployer("rollback", "shop", "--discard-writes")
    assert done.code == Exit.REFUSED, done
    has(done.err, "nobody may write in shop", 'GRANT CREATE ON SCHEMA public TO "shop"')
    assert str(adopted.get()["database"]) == database
    assert writable(adopted) == [database]
    place_order(adopted)
    for text in GRANTS:
        has(done.err, text)
        execute(adopted, f"SET ROLE shop; {text}", "shop")
    adopted.ok("deployer", "rollback", "shop", "--discard-writes")
    assert writable(adopted) == ["shop"]
    place_order(adopted)


def test_07_a_migration_writes_a_comment(adopted: Company) -> None:
    """It is kept as a note; the new database is the release's all the same, and goes with it."""
    before = adopted.resources()
    adopted.configure(r"^migrate.*$", NOTES)
    adopted.configure(r"^http\b.*$", 'http = "/nowhere"')
    failed = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert failed.code == Exit.FAILED, failed
    assert adopted.resources() == before, failed
    adopted.configure(r"^http\b.*$", 'http = "/healthz"')
    adopted.up("v1.5.0")
    database = str(adopted.get()["database"])
    memory = json.loads(str(comment(adopted, database)))
    assert (memory["name"], memory["note"]) == (database, "schema 42")
    assert writable(adopted) == [database]
    adopted.ok("deployer", "status", "shop", "--exit-code")


def test_12_holds_on_what_is_not_ours(adopted: Company) -> None:
    """Others' comment on their database stays; the hold of adoption is no word to overwrite."""
    execute(adopted, "CREATE DATABASE metabase")
    execute(adopted, "COMMENT ON DATABASE metabase IS 'dashboards'")
    machine = live_instance(adopted)["InstanceId"]
    assert adopted.reconciler("hold", "metabase", "why").code == Exit.USAGE
    assert comment(adopted, "metabase") == "dashboards"
    for words in (("hold", machine, "ask Ann"), ("release", machine)):
        refused = adopted.reconciler(*words)
        assert refused.code == Exit.REFUSED, refused
        has(refused.err, "adopted")
    assert adopted.tags(machine)["deploy-hold"] == "adopted"
    unmarked = adopted.reconciler("hold", "shop", "evidence")
    assert unmarked.code == Exit.USAGE, unmarked
    assert comment(adopted, "shop") is None
    adopted.ok("deployer", "plan", "shop")
    execute(adopted, "DROP DATABASE metabase")
