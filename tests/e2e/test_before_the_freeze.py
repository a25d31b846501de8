"""Databases that cannot be copied: found while live takes writes; nothing is left of the try."""

from __future__ import annotations

import psycopg

from reconciler.exit_codes import Exit
from tests.e2e.zone import said
from tests.support.company import Company, Witness

THIRD_ROLE = """
CREATE ROLE auditor; CREATE ROLE intern; GRANT auditor TO CURRENT_USER;
GRANT SELECT ON orders TO auditor WITH GRANT OPTION;
SET ROLE auditor; GRANT SELECT ON orders TO intern;
"""
"""Only a superuser could give the copy this: pg_restore would speak as `auditor`."""

SEARCHING = """
SET ROLE shop;
CREATE TABLE codes (code text); INSERT INTO codes VALUES ('a');
CREATE FUNCTION known(text) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM codes)';
CREATE TABLE coded (code text CHECK (known(code))); INSERT INTO coded VALUES ('a');
"""


def prepare(company: Company, text: str) -> None:
    """Statements of a DBA in live's database."""
    with psycopg.connect(company.admin_url("shop"), autocommit=True) as dba:
        dba.execute(text.encode())


def test_what_the_restore_refuses_is_tried_before_the_freeze(adopted: Company) -> None:
    """Undone, exit 1: no write was refused, no freeze has begun, the half copy is gone."""
    prepare(adopted, THIRD_ROLE)
    witness = Witness(adopted)
    with witness.watching():
        done = adopted.deployer("up", "shop", "--ref", "v1.5.0", "--json")
    assert done.code == Exit.FAILED, done
    assert witness.errors == []
    assert not [one for one in done.events if one["type"].startswith("freeze-")]
    assert "shop cannot be copied, which was tried before it was shut" in done.out
    assert "permission denied to set session authorization" in done.out
    assert adopted.databases() == ["shop"]
    assert adopted.version() == "v1.4.2"
    adopted.ok("reconciler", "plan", "--exit-code")


def test_what_the_rows_would_meet_is_found_before_anything_is_made(adopted: Company) -> None:
    """Refused by the guard, with the function's own error and the statement that cures it."""
    prepare(adopted, SEARCHING)
    before, ledger = adopted.resources(), said(adopted)
    done = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert done.code == Exit.REFUSED, done
    assert "check coded_code_check of public.coded in shop" in done.err
    assert 'relation "codes" does not exist' in done.err
    assert "SET search_path" in done.err
    assert (adopted.resources(), said(adopted)) == (before, ledger)
    plan = adopted.deployer("plan", "shop")
    assert 'relation "codes" does not exist' in plan.out + plan.err
