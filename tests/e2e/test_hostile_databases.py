"""Databases that a release would stumble over: each is found at the moment that is promised.

docs/bad-days.md, "What a release would stumble over". One sandbox and one adopted shop for all:
what is found by `plan` leaves no trace, and what a try of the schema finds refuses nobody a write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from deployer.sandbox.control.client import Sandbox
from reconciler.exit_codes import Exit
from tests.crash.invariants import LIVE_DATABASE, Shop
from tests.crash.unchanged_service import Grounds, told, untouched
from tests.e2e.probes import live_instance, on_machine
from tests.support.company import Witness


@dataclass(frozen=True)
class Hostile:
    """What the owner of the server does in live's database, and takes back; the words for it."""

    does: str
    undoes: str
    words: tuple[str, ...]
    code: Exit = Exit.REFUSED


BY_PLAN = {
    "rows that a policy hides, from the owner too": Hostile(
        "SET ROLE shop; CREATE TABLE diary (n int); ALTER TABLE diary ENABLE ROW LEVEL SECURITY;"
        "ALTER TABLE diary FORCE ROW LEVEL SECURITY",
        "DROP TABLE diary",
        ("row security hides rows of public.diary", "BYPASSRLS"),
    ),
    "a generated column that needs a search_path": Hostile(
        "SET ROLE shop; CREATE TABLE codes (code text); INSERT INTO codes VALUES ('a');"
        "CREATE FUNCTION known(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS"
        " 'BEGIN RETURN EXISTS (SELECT FROM codes WHERE code = $1); END';"
        "CREATE TABLE coded (c text, d bool GENERATED ALWAYS AS (known(c)) STORED);"
        "INSERT INTO coded VALUES ('a')",
        "DROP TABLE codes, coded; DROP FUNCTION known",
        (
            "generated column d of public.coded",
            'relation "codes" does not exist',
            "SET search_path",
        ),
    ),
    "an extension that only a superuser creates": Hostile(
        "CREATE EXTENSION vector",
        "DROP EXTENSION vector",
        ("extension vector, which shop cannot create", "GRANT rds_extension"),
    ),
    "an admin who may not create databases": Hostile(
        "ALTER ROLE admin NOCREATEDB",
        "ALTER ROLE admin CREATEDB",
        ("may not create databases, so shop cannot be copied", "CREATEDB"),
    ),
    "an admin who is no member of the app's role": Hostile(
        "REVOKE shop FROM admin",
        "GRANT shop TO admin WITH ADMIN TRUE, INHERIT TRUE, SET TRUE",
        ("may not act as shop (it lacks INHERIT and SET)", 'GRANT "shop" TO'),
    ),
    "an admin of few sessions": Hostile(
        "ALTER ROLE admin CONNECTION LIMIT 3",
        "ALTER ROLE admin CONNECTION LIMIT -1",
        ("more sessions to copy shop, which needs 3", "CONNECTION LIMIT"),
    ),
}
"""Found by `plan`, by `doctor` and by the guard of `up`, before anything is made."""

BY_A_TRY = {
    "an event trigger": Hostile(
        "CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        "CREATE EVENT TRIGGER told ON ddl_command_end EXECUTE FUNCTION told()",
        "DROP EVENT TRIGGER told; DROP FUNCTION told",
        ("permission denied to create event trigger", "DROP EVENT TRIGGER"),
        Exit.FAILED,
    ),
    "an untrusted language": Hostile(
        "CREATE FUNCTION upper_c(text) RETURNS text LANGUAGE internal AS 'upper'",
        "DROP FUNCTION upper_c",
        ("permission denied for language internal", "grant the role what it takes"),
        Exit.FAILED,
    ),
}
"""Found by `rehearse --schema-only`, and by `up` before its freeze."""


@pytest.fixture(scope="module")
def grounds(running_sandbox: Sandbox) -> Grounds:
    """Adopted once for the module."""
    return Grounds(running_sandbox)


@pytest.fixture
def shop(grounds: Grounds) -> Iterator[Shop]:
    """The shop under a ledger; its configuration is put back."""
    one = grounds.ready()
    text = one.service_file().read_text()
    try:
        yield one
    finally:
        one.service_file().write_text(text)


@contextmanager
def happens(shop: Shop, hostile: Hostile) -> Iterator[None]:
    """It is so in live's database while the body runs."""
    url = shop.sandbox.superuser_url(LIVE_DATABASE)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(hostile.does.encode())
        try:
            yield
        finally:
            owner.execute(f"RESET ROLE; {hostile.undoes}".encode())


@pytest.mark.parametrize("name", BY_PLAN)
def test_it_is_found_before_anything_is_made(shop: Shop, name: str) -> None:
    """By `plan`, `doctor` and `up`, with the cause and the cure; nothing is made, none refused."""
    hostile = BY_PLAN[name]
    with happens(shop, hostile), untouched(shop):
        told(shop.deployer("plan", "shop"), Exit.REFUSED, "It would be refused", *hostile.words)
        told(shop.deployer("doctor", "shop"), hostile.code, "✗ shop     roles", *hostile.words)
        told(shop.deployer("up", "shop", "--ref", "v1.5.0"), hostile.code, *hostile.words)
    assert shop.order()


def test_what_a_copy_cannot_carry_is_said(shop: Shop) -> None:
    """A publication is no reason to refuse: plan, doctor and a rehearsal say that it stays."""
    told_of = Hostile(
        "CREATE PUBLICATION orders_out FOR TABLE orders", "DROP PUBLICATION orders_out", ()
    )
    words = "publication orders_out of shop will not be in the copy"
    with happens(shop, told_of):
        for command in ("plan shop", "doctor shop", "rehearse shop --schema-only"):
            told(shop.deployer(*command.split()), Exit.DONE, f"{words}: who subscribes to that")


@pytest.mark.parametrize("name", BY_A_TRY)
def test_it_is_found_by_a_try_of_the_schema(shop: Shop, name: str) -> None:
    """In seconds, while live takes writes; the database of the try is gone afterwards."""
    hostile, before, witness = BY_A_TRY[name], shop.before(), Witness(shop)
    with happens(shop, hostile), witness.watching():
        done = shop.deployer("rehearse", "shop", "--schema-only")
    told(done, hostile.code, "which was tried before it was shut", *hostile.words)
    assert (witness.errors, witness.refused) == ([], 0)
    shop.assert_as_before(before)


ENV: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "a second URL": (
        "printf '%s\\n' \"$(sed -n 's/^DATABASE_URL/CELERY_URL/p' /etc/shop/env)\"",
        ("names shop in CELERY_URL beside DATABASE_URL",),
    ),
    "its name in parts": (
        "printf 'PGDATABASE=shop\\n'",
        ("names shop in PGDATABASE beside DATABASE_URL",),
    ),
}
"""Lines of live's env file that a release would not change."""


@pytest.mark.parametrize("name", ENV)
def test_an_env_file_that_would_be_changed_in_part(shop: Shop, name: str) -> None:
    """Whoever reads the other variables would stay with the old database."""
    line, words = ENV[name]
    live = live_instance(shop)
    on_machine(shop, live, "sudo -n cp -p /etc/shop/env /etc/shop/env.was")
    on_machine(shop, live, f"sudo -n sh -c {_quoted(f'{line} >>/etc/shop/env')}")
    try:
        with untouched(shop):
            told(shop.deployer("plan", "shop"), Exit.REFUSED, *words)
            told(shop.deployer("up", "shop", "--ref", "v1.5.0"), Exit.USAGE, *words)
    finally:
        on_machine(shop, live, "sudo -n mv /etc/shop/env.was /etc/shop/env")


def _quoted(script: str) -> str:
    return "'" + script.replace("'", "'\\''") + "'"


NO_SUPERUSER = Hostile("REVOKE rds_superuser FROM admin", "GRANT rds_superuser TO admin", ())
"""Of a server that people keep themselves nobody else may write every table."""

LARGE = 8 << 40
"""Bytes of a file that takes no room itself: it has no blocks."""


def test_a_copy_for_which_the_server_has_no_room(shop: Shop) -> None:
    """Asked of the server itself where its owner is the admin; else the size is all that is known.

    The database is made to look large: nothing of it is copied.
    """
    url = shop.sandbox.superuser_url(LIVE_DATABASE)
    with psycopg.connect(url, autocommit=True) as owner:
        asked = "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = %s"
        [(top, oid)] = owner.execute(asked, [LIVE_DATABASE]).fetchall()
    file = Path(top, "base", str(oid), "large")
    with file.open("wb") as large:
        large.truncate(LARGE)
    try:
        said = "the copy of shop needs about 8.8 TB on the database server"
        told(shop.deployer("plan", "shop"), Exit.DONE, f"{said}; how much is free there is not")
        shop.configure("^admin    = .*", 'admin = "env:OWNER_URL"')
        with happens(shop, NO_SUPERUSER), untouched(shop):
            for command in ("plan shop", "doctor shop", "up shop --ref v1.5.0"):
                done = shop.run("deployer", *command.split(), env={"OWNER_URL": url})
                told(done, Exit.REFUSED, f"{said}, where ", " are free", "reconciler report")
    finally:
        file.unlink()
