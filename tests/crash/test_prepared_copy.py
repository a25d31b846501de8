"""A release dies or fails while it prepares its copy, or as it begins to fill it.

Live's own tools are slow, broken, or meddle at the moment that is wanted, and each clone has them:
nothing of the product is replaced. Until the freeze no client is refused.
"""

from __future__ import annotations

import shlex
import signal
from collections.abc import Mapping

import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import LIVE_DATABASE, NEW, Shop, failed_step, query, wait_for
from tests.e2e.probes import instance_at, live_instance, on_machine
from tests.support.company import Json, Witness

pytestmark = pytest.mark.timeout(300)

_TOOL = """#!/bin/sh
case "$*" in {when}) {act} ;; esac
exec {tool} "$@"
"""
MOMENTS: Mapping[str, tuple[str, str]] = {
    "the schema is dumped": ("pg_dump", "*section=pre-data*"),
    "the schema is restored": ("pg_restore", "*section=pre-data*"),
    "what follows the rows is read": ("pg_restore", "*section=post-data*--file=-*"),
    "what follows the rows is tried": ("psql", "*--dbname=*"),
}
"""While live takes writes: the tool that is at work then, and the arguments that tell it."""


def real(shop: Shop, tool: str) -> str:
    """Where the tool itself is on live."""
    script = f"PATH=/usr/local/bin:/usr/bin:/bin; command -v {tool}"
    return on_machine(shop, live_instance(shop), script).strip()


def put(shop: Shop, tool: str, when: str, act: str) -> None:
    """From now on `tool` does `act` before its work, where it is called like `when`."""
    live = live_instance(shop)
    script = _TOOL.format(tool=real(shop, tool), when=when, act=act)
    place = f"/usr/local/sbin/{tool}"
    on_machine(
        shop,
        live,
        f"printf %s {shlex.quote(script)} | sudo -n tee {place} >/dev/null"
        f" && sudo -n chmod 755 {place}",
    )
    assert on_machine(shop, live, f"command -v {tool}").strip() == place


def clone(shop: Shop, before: set[str]) -> Json:
    """The machine that the release has made."""
    [new] = [one for one in shop.instances() if one["InstanceId"] not in before]
    return instance_at(shop, new["PrivateIpAddress"])


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_while_the_copy_is_prepared(shop: Shop, moment: str) -> None:
    """SIGKILL in the middle of a tool's work: no write was refused; one sweep removes the rest."""
    tool, when = MOMENTS[moment]
    put(shop, tool, when, "touch /tmp/at-work; sleep 300")
    before = shop.before()
    with Witness(shop).watching() as witness:
        with shop.releasing() as release:
            release.wait_for_step("database")
            new = clone(shop, before.resources["instance"])
            at_work = "test -e /tmp/at-work && echo yes || echo no"
            wait_for(lambda: on_machine(shop, new, at_work).strip() == "yes", 120)
            release.send(signal.SIGKILL)
            release.finish()
        shop.let_lease_end()
        shop.ok("reconciler", "sweep")
    assert (witness.errors, witness.refused) == ([], 0)
    assert witness.acknowledged <= shop.rows(LIVE_DATABASE)
    shop.assert_as_before(before)
    shop.assert_clean()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_tool_that_fails_while_the_copy_is_prepared(shop: Shop, moment: str) -> None:
    """Undone by the release itself, exit 1, in the tool's own words; no write was refused."""
    tool, when = MOMENTS[moment]
    put(shop, tool, when, "echo 'the tool is broken' >&2; exit 3")
    before = shop.before()
    with Witness(shop).watching() as witness:
        done = shop.deployer("up", "shop", "--ref", NEW, "--json")
    assert done.code == Exit.FAILED, done
    assert failed_step(done) == "database"
    assert "cannot be copied, which was tried before it was shut" in done.out
    assert "the tool is broken" in done.out
    assert (witness.errors, witness.refused) == ([], 0)
    shop.assert_as_before(before)
    shop.assert_clean()


def test_a_schema_that_changes_after_its_copy_is_seen_before_any_row(shop: Shop) -> None:
    """The digest under the freeze: refused at its beginning, thawed, and no row was copied.

    The column is added when what follows the rows has been tried, by the tool itself.
    """
    url = shlex.quote(shop.sandbox.superuser_url(LIVE_DATABASE))
    column = "ALTER TABLE orders ADD COLUMN more int"
    psql = real(shop, "psql")
    act = f'{psql} "$@" && {psql} {url} -c "{column}"; exit'
    put(shop, "psql", "*--dbname=*", act)
    put(shop, "pg_dump", "*section=data*", "touch /tmp/rows; exit 3")
    before = shop.before()
    done = shop.deployer("up", "shop", "--ref", NEW, "--json")
    assert done.code == Exit.REFUSED, done
    assert failed_step(done) == "database"
    assert "was changed while the copy was prepared" in done.out
    kinds = [one["type"] for one in done.events]
    assert "freeze-began" in kinds
    shop.assert_as_before(before)
    shop.assert_clean()
    query(shop, LIVE_DATABASE, "SET ROLE shop; ALTER TABLE orders DROP COLUMN more")
    put(shop, "pg_dump", "never", ":")
    put(shop, "psql", "never", ":")
    shop.up(NEW)
    shop.assert_released()
