"""Tools that are older or newer than the database server: found before live is shut.

Real ones: a server of version 16 or 18 and the tools of the other, all from one wheel. PostgreSQL's
own words for it: pg_dump "aborting because of server version mismatch" (older), and from 17 on
pg_restore sets `transaction_timeout`, which an older server does not know.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import Options
from deployer.sandbox.postgres.server import install_directory
from reconciler.exit_codes import Exit
from tests.crash.invariants import Shop
from tests.crash.unchanged_service import Grounds, told
from tests.e2e.probes import live_instance, on_machine
from tests.support.company import Witness

TOOLS = ("pg_dump", "pg_restore", "psql")


@pytest.fixture
def on_sixteen(tmp_path: Path) -> Iterator[Shop]:
    """An adopted shop on a PostgreSQL 16; the tools on its machines are of 18."""
    box = Sandbox.at(tmp_path / "box")
    box.up(Options(postgres="16", owner=os.getpid()))
    yield Grounds(box).ready()
    box.down()


def refused_before_the_freeze(shop: Shop, *words: str) -> None:
    """By doctor, by a try of the schema, and by `up` before its freeze; nothing of it stays."""
    before, witness = shop.before(), Witness(shop)
    told(shop.deployer("doctor", "shop"), Exit.REFUSED, "✗ shop     dump tools", *words)
    with witness.watching():
        tried = shop.deployer("rehearse", "shop", "--schema-only")
        done = shop.deployer("up", "shop", "--ref", "v1.5.0", "--json")
    told(tried, Exit.REFUSED, *words)
    told(done, Exit.REFUSED, *words)
    assert not [one for one in done.events if one["type"].startswith("freeze-")]
    assert (witness.errors, witness.refused) == ([], 0)
    shop.assert_as_before(before)


@contextmanager
def tools_of(shop: Shop, major: str) -> Iterator[None]:
    """Live, and so each clone, finds the tools of this version before all others."""
    live, place = live_instance(shop), "/usr/local/sbin"
    for name in TOOLS:
        line = f'exec {install_directory(major)}/bin/{name} "$@"'
        script = f"printf '#!/bin/sh\\n%s\\n' '{line}' >{place}/{name}; chmod 755 {place}/{name}"
        on_machine(shop, live, f'sudo -n sh -c "{_escaped(script)}"')
    try:
        yield
    finally:
        on_machine(shop, live, f"sudo -n rm -f {' '.join(f'{place}/{name}' for name in TOOLS)}")


def _escaped(script: str) -> str:
    return re.sub(r'(["\\$])', r"\\\1", script)


def test_tools_newer_than_the_server(on_sixteen: Shop) -> None:
    """`transaction_timeout` is what a restore stumbles over; with the tools of the cure it ends."""
    if Path("/usr/lib/postgresql/16").exists() or Path("/usr/pgsql-16").exists():
        pytest.skip("this computer has tools of 16, which a release takes by itself")
    assert b'unrecognized configuration parameter "transaction_timeout"' in restored(on_sixteen)
    words = "has pg_dump 18 and pg_restore 18, the server is PostgreSQL 16"
    refused_before_the_freeze(on_sixteen, words, "postgresql-client-16")
    with tools_of(on_sixteen, "16"):
        told(on_sixteen.deployer("doctor", "shop"), Exit.DONE, "fit PostgreSQL 16")
        on_sixteen.up("v1.5.0")
    on_sixteen.assert_released()


def restored(shop: Shop) -> bytes:
    """What the newer pg_restore says first of all, of a dump by the newer pg_dump."""
    place, url = install_directory() / "bin", shop.admin_url("shop")
    dump = [str(place / "pg_dump"), "--format=custom", "--schema-only", url]
    restore = [str(place / "pg_restore"), "--exit-on-error", f"--dbname={url}"]
    archive = subprocess.run(dump, capture_output=True, check=True).stdout
    return subprocess.run(restore, input=archive, capture_output=True, check=False).stderr


def test_tools_older_than_the_server(adopted_shop: Shop) -> None:
    """pg_dump of 16 refuses a server of 18."""
    with tools_of(adopted_shop, "16"):
        words = "has pg_dump 16 and pg_restore 16, the server is PostgreSQL 18"
        refused_before_the_freeze(adopted_shop, words, "postgresql-client-18")


def test_tools_of_two_versions(adopted_shop: Shop) -> None:
    """pg_restore of 16 reads no archive of 18."""
    with tools_of(adopted_shop, "16"):
        live = live_instance(adopted_shop)
        on_machine(adopted_shop, live, "sudo -n rm /usr/local/sbin/pg_dump")
        words = "has pg_dump 18 and pg_restore 16, the server is PostgreSQL 18"
        refused_before_the_freeze(adopted_shop, words, "postgresql-client-18")
