"""Roles and large objects of a live database: known, and refused, before anything is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg
import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import LIVE_DATABASE, NEW, Shop, query
from tests.crash.unchanged_service import refused, told, untouched

pytestmark = pytest.mark.timeout(600)

UP = ("up", "shop", "--ref", NEW)


@contextmanager
def _in_live(shop: Shop, before: LiteralString, after: LiteralString) -> Iterator[None]:
    """Something in the live database, as its admin, for as long as the body runs."""
    query(shop, LIVE_DATABASE, before)
    try:
        yield
    finally:
        query(shop, LIVE_DATABASE, after)


@pytest.fixture
def metabase(calm: Shop) -> Iterator[Shop]:
    """Another team's role on the same server, which writes into one of the shop's tables."""
    with _in_live(
        calm,
        "CREATE ROLE metabase LOGIN; SET ROLE shop; GRANT UPDATE, INSERT ON orders TO metabase",
        "SET ROLE shop; REVOKE ALL ON orders FROM metabase; RESET ROLE; DROP ROLE metabase",
    ):
        yield calm


def _everybody_says(shop: Shop, code: Exit, *words: str) -> None:
    """`up` refuses with nothing made, `plan` says why it would, `doctor` finds it."""
    with untouched(shop):
        refused(shop.deployer(*UP), code, *words)
        told(shop.deployer("plan", "shop"), Exit.REFUSED, "It would be refused", *words)
        told(shop.deployer("doctor"), code, "✗ shop     roles", *words)


def test_a_role_that_the_application_does_not_log_in_as(metabase: Shop) -> None:
    """The copy would belong to it: it could drop production, and the next migration would fail."""
    metabase.configure("^app_role = .*", 'app_role = "metabase"')
    _everybody_says(
        metabase, Exit.USAGE, "app_role is metabase", "logs in as shop", 'app_role = "shop"'
    )


def test_a_role_that_does_not_exist(calm: Shop) -> None:
    """Not "see whether the server is up"."""
    calm.configure("^app_role = .*", 'app_role = "sohp"')
    _everybody_says(calm, Exit.USAGE, "there is no role sohp", "database.app_role")


def test_no_cure_disarms_a_superuser(calm: Shop) -> None:
    """It may be the server's only one."""
    calm.configure("^app_role = .*", 'app_role = "postgres"')
    _everybody_says(calm, Exit.USAGE, "app_role is postgres", 'app_role = "shop"')
    assert "ALTER ROLE" not in calm.deployer(*UP).err


def test_a_second_role_that_writes(metabase: Shop) -> None:
    """A release would shut it out for good: named, with what it writes, until that is said."""
    words = ("metabase may write in shop", "metabase: INSERT, UPDATE on public.orders")
    _everybody_says(metabase, Exit.REFUSED, *words, 'other_roles = "shut"', "REVOKE")
    metabase.configure("^app_role = .*", 'app_role = "shop"\nother_roles = "shut"')
    with untouched(metabase):
        said = "shut out of shop for good, as other_roles says: " + words[1]
        told(metabase.deployer("plan", "shop"), Exit.DONE, said, "To do it")
        told(metabase.deployer("doctor"), Exit.DONE, said)


def test_a_database_with_large_objects(calm: Shop) -> None:
    """No privilege protects them; removed, the way is free."""
    made, gone = "SELECT lo_create(4711)", "SELECT lo_unlink(4711)"
    with _in_live(calm, made, gone):
        _everybody_says(calm, Exit.REFUSED, "database shop has 1 large object,", "lo_unlink")
    told(calm.deployer("plan", "shop"), Exit.DONE, "To do it")


def test_a_large_object_made_during_the_freeze(shop: Shop) -> None:
    """It was acknowledged, and the copy lacks it: the release is given up, live has it."""
    before = shop.before()
    shop.configure("^migrate  = .*", 'migrate = ["./bin/migrate", "sleep 6"]')
    with shop.releasing(NEW) as release:
        release.wait_for_step("migrate")
        query(shop, LIVE_DATABASE, "SET ROLE shop; SELECT lo_from_bytea(4711, 'an upload')")
        done = release.finish()
    told(done, Exit.FAILED, "was changed while it was shut", "large object")
    shop.assert_as_before(before)
    assert query(shop, LIVE_DATABASE, "SELECT lo_get(4711)") == [(b"an upload",)]
    query(shop, LIVE_DATABASE, "SET ROLE shop; SELECT lo_unlink(4711)")


def test_a_role_that_is_shut_out_as_said(shop: Shop) -> None:
    """Told by the release; refused in the old database, and as before in the new one."""
    query(shop, LIVE_DATABASE, "CREATE ROLE metabase LOGIN PASSWORD 'metabase'")
    query(shop, LIVE_DATABASE, "SET ROLE shop; GRANT UPDATE (item), SELECT ON orders TO metabase")
    shop.configure("^app_role = .*", 'app_role = "shop"\nother_roles = "shut"')
    told(shop.deployer(*UP), Exit.DONE, "metabase: UPDATE on public.orders.item")
    shop.assert_released()
    assert _writes(shop, str(shop.get()["database"]))
    assert not _writes(shop, LIVE_DATABASE)


def _writes(shop: Shop, database: str) -> bool:
    with psycopg.connect(shop.admin_url(database), user="metabase", password="metabase") as one:
        try:
            one.execute("UPDATE orders SET item = item")
        except psycopg.errors.InsufficientPrivilege:
            return False
    return True
