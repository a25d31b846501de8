"""Machines, commands and databases that misbehave during a release: undone, and told in words.

`test_failing_steps` fails every step once; here is what each unpleasant surrounding is told as.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import LiteralString

import psycopg
import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import LIVE_DATABASE, NEW, Shop, query, wait_for
from tests.crash.unchanged_service import told

pytestmark = pytest.mark.timeout(300)

OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUVLJRYxFpy9rOJJMuRt1ZTJGFYPj9hFQjpcSQF7F3T"

Around = Callable[[Shop], AbstractContextManager[None]]


@dataclass(frozen=True)
class Hostile:
    """What is changed in the configuration, what happens meanwhile, and what must be said."""

    says: tuple[str, ...]
    change: tuple[str, str] = ("", "")
    add: str = ""
    around: Around = lambda _: nullcontext()


@contextmanager
def _another_host_key(shop: Shop) -> Iterator[None]:
    """The tag names another key than the live machine shows."""
    [machine] = [one["InstanceId"] for one in shop.instances()]
    before = shop.tags(machine)["deploy-host-key"]
    _tag(shop, machine, OTHER_KEY)
    yield
    _tag(shop, machine, before)


def _tag(shop: Shop, machine: str, key: str) -> None:
    tag = {"Key": "deploy-host-key", "Value": key}
    shop.aws("ec2").create_tags(Resources=[machine], Tags=[tag])


def _images(status: str) -> Around:
    """What becomes of every image that is made meanwhile."""

    @contextmanager
    def around(shop: Shop) -> Iterator[None]:
        shop.faults.images(status)
        yield
        shop.faults.images("")

    return around


@contextmanager
def _cannot_be_restored(shop: Shop) -> Iterator[None]:
    """A check constraint that looks into a table which a restore fills later."""
    for statement in (
        "CREATE TABLE a_first (id int)",
        "CREATE TABLE z_last (id int)",
        (
            "CREATE FUNCTION there(int) RETURNS bool LANGUAGE sql "
            "AS 'SELECT count(*) > 0 FROM public.z_last'"
        ),
        "INSERT INTO z_last VALUES (1)",
        "INSERT INTO a_first VALUES (1)",
        "ALTER TABLE a_first ADD CHECK (there(id))",
    ):
        query(shop, LIVE_DATABASE, f"SET ROLE shop; {statement}")
    yield
    query(shop, LIVE_DATABASE, "SET ROLE shop; DROP TABLE a_first, z_last CASCADE")
    query(shop, LIVE_DATABASE, "SET ROLE shop; DROP FUNCTION there")


@contextmanager
def _the_dump_is_killed(shop: Shop) -> Iterator[None]:
    """Held up by a lock that is asked for behind the freeze's own, and so granted after it."""
    query(shop, LIVE_DATABASE, "CREATE TABLE held_up (id int)")
    with ThreadPoolExecutor() as pool:
        killed = pool.submit(_kill_the_dump, shop, pool)
        yield
        killed.result()
    query(shop, LIVE_DATABASE, "DROP TABLE held_up")


def _kill_the_dump(shop: Shop, pool: ThreadPoolExecutor) -> None:
    url = shop.admin_url(LIVE_DATABASE)
    with psycopg.connect(url) as first, psycopg.connect(url) as second:
        first.execute("LOCK TABLE held_up IN ROW EXCLUSIVE MODE")
        wait_for(lambda: bool(query(shop, LIVE_DATABASE, f"SELECT pid {WAITS} 'LOCK%SHARE MODE'")))
        asked = pool.submit(second.execute, "LOCK TABLE held_up IN ACCESS EXCLUSIVE MODE")
        exclusive = f"SELECT pid {WAITS} 'LOCK%EXCLUSIVE MODE'"
        wait_for(lambda: bool(query(shop, LIVE_DATABASE, exclusive)))
        first.rollback()
        asked.result(timeout=60)
        kill = f"SELECT pg_terminate_backend(pid) {WAITS} 'LOCK%ACCESS SHARE MODE'"
        wait_for(lambda: bool(query(shop, LIVE_DATABASE, kill)))


WAITS: LiteralString = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE"
CASES = {
    "an image that fails": Hostile(
        ("the image ami-", "is failed: Server.InternalError", "Removed: 1 image, 1 snapshot"),
        around=_images("failed"),
    ),
    "an image that stays pending": Hostile(
        ("the image ami-", "is still pending after 1 s", "raise limits.image", "1 snapshot"),
        add='\n[limits]\nimage = "1s"\n',
        around=_images("pending"),
    ),
    "a command that floods": Hostile(
        ("ended with 9", "    flood\n", "the last of it\nshop stays"),
        change=(
            "^install = .*$",
            'install = ["yes flood | head -c 100000000; echo the last of it; exit 9"]',
        ),
    ),
    "a hanging smoke command": Hostile(
        ("check `echo asked; sleep 60` on", "was given up after 2s", "    asked"),
        add='\n[[smoke]]\ncommand = "echo asked; sleep 60"\ntries = 1\ntimeout = "2s"\n',
    ),
    "a hanging install command": Hostile(
        ("install `echo so far; sleep 60` on", "was given up after 2s", "    so far"),
        change=("^install = .*$", 'install = ["echo so far; sleep 60"]'),
        add='\n[limits]\ninstall = "2s"\n',
    ),
    "a full disk": Hostile(
        ("install `dd if=/dev/zero of=/dev/full bs=1` on", "No space left on device"),
        change=("^install = .*$", 'install = ["dd if=/dev/zero of=/dev/full bs=1"]'),
    ),
    "a restore that fails": Hostile(
        ("copy of database shop", "pg_restore: error: COPY failed", "pg_restore with status 1"),
        around=_cannot_be_restored,
    ),
    "a dump that is killed": Hostile(
        ("copy of database shop", "terminating connection due to administrator command"),
        around=_the_dump_is_killed,
    ),
    "a hanging migration": Hostile(
        ("migration `echo to $DATABASE_URL; sleep 60`", "given up after 2s", "to postgresql://"),
        change=("^migrate  = .*$", 'migrate = ["echo to $DATABASE_URL; sleep 60"]'),
        add='\n[limits]\nmigrate = "2s"\n',
    ),
    "a smoke command that fails": Hostile(
        ("check `echo out; echo err >&2; exit 3`", "ended with 3", "    out\n", "    err\n"),
        add='\n[[smoke]]\ncommand = "echo out; echo err >&2; exit 3"\ntries = 1\n',
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_undone_and_told(calm: Shop, case: str) -> None:
    """Exit 1: what it was, its last lines, what was removed; live serves and takes writes."""
    hostile, before = CASES[case], calm.before()
    if hostile.change[0]:
        calm.configure(*hostile.change)
    if hostile.add:
        calm.append(hostile.add)
    with hostile.around(calm):
        done = calm.deployer("up", "shop", "--ref", NEW)
    told(done, Exit.FAILED, *hostile.says, f"shop stays on {before.version}", "Removed:")
    calm.assert_as_before(before)


def test_a_live_machine_with_another_host_key_is_not_copied(calm: Shop) -> None:
    """Who it is cannot be asked, so no gate could be placed: refused before anything is made."""
    before = calm.before()
    with _another_host_key(calm):
        done = calm.deployer("up", "shop", "--ref", NEW)
    said = ("is not the machine we know", "SHA256:", "expected SHA256:5zTlYtc9sxJ1", "find out who")
    told(done, Exit.REFUSED, *said)
    calm.assert_as_before(before)


def test_a_machine_that_never_answers_ssh(calm: Shop) -> None:
    """Live refuses: exit 3, nothing made. Taken on trust, the clone refuses: undone, exit 1."""
    before = calm.before()
    [live] = [one["InstanceId"] for one in calm.instances()]
    calm.configure("^port = 2222$", "port = 2223")
    calm.append('\n[limits]\nconnect = "2s"\n')
    done = calm.deployer("up", "shop", "--ref", NEW)
    told(done, Exit.REFUSED, "refuses connections", f"deployer up shop --despite {live}")
    calm.assert_as_before(before)
    done = calm.deployer("up", "shop", "--ref", NEW, "--despite", live)
    said = ("refuses connections", "last lines of the console of i-", "sshd: listening on")
    told(done, Exit.FAILED, *said, f"shop stays on {before.version}", "Removed:")
    calm.assert_as_before(before)


def test_a_machine_that_goes_away_in_the_middle_of_a_command(calm: Shop) -> None:
    """Somebody terminates it: a lost session is said, nobody waits for the command's limit."""
    before = calm.before()
    calm.configure("^install = .*$", 'install = ["echo begun; sleep 60"]')
    with calm.releasing() as release:
        release.wait_for_step("code")
        new = calm.resources()["instance"] - before.resources["instance"]
        calm.aws("ec2").terminate_instances(InstanceIds=sorted(new))
        done = release.finish()
    assert done.code == Exit.FAILED, done
    assert "died during" in done.events[-1]["message"], done
    calm.assert_as_before(before)
