"""Releases that share the live database: for ever, or unless there is something to migrate."""

from __future__ import annotations

import re

import pytest

from reconciler.exit_codes import Exit
from tests.e2e.probes import die_in, is_active, live_instance, place_order, wait_for, writable
from tests.e2e.zone import let_time_pass, said
from tests.support.company import Company, Done, Witness

NEVER = ('copy     = "always"\nwrites   = "freeze"', 'copy = "never"')
WHEN = ('copy     = "always"', 'copy = "when-migrating"\npending = "./bin/migrate --check"')


@pytest.fixture
def released(adopted: Company) -> Company:
    """v1.5.0 live on a copy that it has made, v1.4.2 before it."""
    adopted.up("v1.5.0")
    return adopted


def owner(company: Company) -> str:
    """The deploy whose database live uses, by the ledger; '' for its own."""
    found = re.search(r'"live=[^"]* db=(\S+)', company.ledger())
    return found[1] if found else ""


def watched(company: Company, ref: str) -> tuple[Done, Witness]:
    """A release beside clients: no request fails, and every acknowledged order is there."""
    witness = Witness(company)
    with witness.watching():
        done = company.up(ref)
        taken = len(witness.acknowledged)
        wait_for(lambda: len(witness.acknowledged) > taken, "orders are taken again")
    assert witness.errors == []
    assert witness.acknowledged <= company.rows(str(company.get()["database"]))
    return done, witness


def test_the_database_outlives_the_release_that_made_it(released: Company) -> None:
    """`never`: no write is refused; and when its maker is forgotten, it stands and is open."""
    maker, database = said(released).live, str(released.get()["database"])
    old = live_instance(released)
    released.configure(*NEVER)
    released.configure("^keep    = 2", "keep    = 1")
    plan = released.ok("deployer", "plan", "shop", "--ref", "v1.7.0").out
    assert "shared with live: no copy, no freeze" in plan
    assert "what a failure leaves changed stays" in plan
    for ref in ("v1.7.0", "v1.7.0"):
        _, witness = watched(released, ref)
        assert witness.refused == 0
        assert (owner(released), released.get()["database"]) == (maker, database)
        assert not is_active(released, old, "shop-worker")
        old = live_instance(released)
    let_time_pass(released)
    released.ok("reconciler", "sweep", "--service", "shop")
    assert maker not in (said(released).live, *said(released).previous)
    assert database in released.databases()
    assert writable(released) == [database]
    assert place_order(released) in released.rows(database)
    released.ok("deployer", "status", "shop", "--exit-code")
    released.ok("reconciler", "plan", "--exit-code")
    _back(released, database)


def _back(company: Company, database: str) -> None:
    """A rollback to who shares it asks nothing, refuses nobody, and loses nothing."""
    witness = Witness(company)
    with witness.watching():
        assert "rejected" in company.ok("deployer", "rollback", "shop").out
    assert (witness.errors, witness.refused) == ([], 0)
    assert company.get()["database"] == database
    assert witness.acknowledged <= company.rows(database)
    assert writable(company) == [database]


def test_a_deployer_that_dies_in_the_migration_leaves_live_as_it_is(adopted: Company) -> None:
    """kill -9: the database that no deploy made takes every write, before and after the sweep."""
    adopted.configure(*NEVER)
    witness = Witness(adopted)
    with witness.watching():
        dead = die_in(adopted, "migrate")
        aborted = adopted.deployer("abort", "shop", "--yes")
        taken = len(witness.acknowledged)
        wait_for(lambda: len(witness.acknowledged) > taken, "orders are taken")
    assert aborted.code == 0, aborted
    assert (witness.errors, witness.refused) == ([], 0)
    assert dead not in adopted.ledger()
    assert (writable(adopted), adopted.databases()) == (["shop"], ["shop"])
    assert witness.acknowledged <= adopted.rows("shop")
    adopted.up("v1.5.0")
    assert adopted.get()["database"] == "shop"
    adopted.ok("deployer", "status", "shop", "--exit-code")
    failed = adopted.deployer("up", "shop", "--ref", "broken-smoke", "--json")
    assert failed.code == Exit.FAILED, failed
    assert writable(adopted) == ["shop"]


def test_a_copy_is_made_when_there_is_something_to_migrate(adopted: Company) -> None:
    """`when-migrating`: the first release has a migration, the second none; the board says it."""
    adopted.configure(*WHEN)
    done, _ = watched(adopted, "v1.5.0")
    database = str(adopted.get()["database"])
    assert (database != "shop", owner(adopted), writable(adopted)) == (True, "", [database])
    assert "a copy of shop" in done.out + done.err
    maker = said(adopted).live
    done, witness = watched(adopted, "v1.5.0")
    assert "shared with live" in done.out + done.err
    assert (witness.refused, owner(adopted)) == (0, maker)
    assert (adopted.get()["database"], writable(adopted)) == (database, [database])
    adopted.ok("deployer", "rollback", "shop")
    assert (said(adopted).live, writable(adopted)) == (maker, [database])
    refused = adopted.deployer("rollback", "shop")
    assert refused.code == Exit.REFUSED, refused
    assert "--discard-writes" in refused.err
