"""Copying a live database: the command as text, and the whole thing on a real PostgreSQL."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployer.provisioning.database_copy import (
    CopyJob,
    check_copy,
    copy_command,
    fill_copy,
    prepare_copy,
)
from deployer.provisioning.local_shell import LocalShell
from reconciler.database.port import DatabaseServer
from reconciler.database.postgres.connection import AdminUrl
from reconciler.database.state_comment import Memory
from reconciler.errors import CommandFailed, CommandTimedOut, DatabaseError
from reconciler.machine.shell import Command, CommandResult, OnBytes
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from tests.fakes.database import FakeServer
from tests.support.postgres_cluster import PASSWORD, Cluster, copy_database, every_acl, running

SHOP = DeployId.parse("shop/20261123T031502Z-7kq2m")
LEDGER = "Z123/shop._deploy.example.com"
NEXT = DeployId.parse("shop/20261124T031502Z-8mq4z")
MEMORY = Memory(NEXT, LEDGER, datetime(2026, 11, 23, tzinfo=UTC))
URL = "postgresql://admin:s3cret@db.example.com:5433/postgres?sslmode=require"
PAPER = CopyJob(AdminUrl.parse(URL), "shop_old", "shop_new", "app's")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A real server."""
    with running() as cluster:
        yield cluster


@pytest.fixture
def job(cluster: Cluster) -> Iterator[CopyJob]:
    """A live database, and a fresh one to copy it into."""
    server = cluster.server()
    with cluster.company_database() as source:
        target = cluster.new_name()
        server.create(target, "app", MEMORY, like=source)
        admin = AdminUrl.parse(cluster.url())
        yield CopyJob(admin, source, target, "app", tools=str(cluster.bin), timeout=60)
        cluster.drop(target)


def released(job: CopyJob, server: DatabaseServer, on_bytes: OnBytes | None = None) -> None:
    """What a release does: prepare, shut, fill."""
    prepared = prepare_copy(job, LocalShell(), server, trial=True)
    server.shut(job.source, FencedAct(5, SHOP, LEDGER), ["app"], 5)
    assert server.definitions(job.source) == prepared.definitions
    fill_copy(prepared, LocalShell(), server, on_bytes)


def test_the_script_holds_no_secret() -> None:
    """The password is in the command's input alone."""
    command = copy_command(PAPER)
    assert "s3cret" not in command.script
    assert command.stdin == b"s3cret\n"
    assert "s3cret" not in repr(PAPER)


def test_the_script_names_both_ends() -> None:
    """Dump from the one, restore into the other as the role that is to own it; never with -C."""
    script = copy_command(PAPER).script
    assert "dbname=shop_old" in script
    assert "dbname=shop_new" in script
    assert "sslmode=require" in script
    assert "'--role=app'\"'\"'s'" in script
    assert "--create" not in script
    assert " -C" not in script


def test_the_script_is_posix() -> None:
    """The machine's sh reads it, whatever it is."""
    subprocess.run(["sh", "-n"], input=copy_command(PAPER).script.encode(), check=True)


def test_the_copy_is_equal_and_open(cluster: Cluster, job: CopyJob) -> None:
    """Rows and sequences are equal; every privilege is what the source's was before the freeze."""
    server = cluster.server()
    released(job, server)
    assert server.is_shut(job.source)
    server.thaw(job.source, FencedAct(6, SHOP, LEDGER))
    with cluster.connect(job.source) as source, cluster.connect(job.target) as copy:
        assert every_acl(source) == every_acl(copy)
        copy.execute("INSERT INTO orders (total) VALUES (1)")
        owners = copy.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class "
            "WHERE oid >= 16384 AND relnamespace <> 'pg_toast'::regnamespace"
        )
        assert owners.fetchall() == [("app",)]
    with cluster.connect(job.target, "clerk") as clerk:
        clerk.execute("SELECT count(*) FROM orders")


def test_the_copy_does_not_claim_to_be_its_source(cluster: Cluster, job: CopyJob) -> None:
    """The memory of the copy is its own: open, with its own fence."""
    released(job, cluster.server())
    found = {one.name: one for one in cluster.server().databases()}
    target, source = found[job.target], found[job.source]
    assert target.memory == replace(MEMORY, name=job.target, oid=target.oid)
    assert source.memory is not None
    assert source.memory.of(job.source, source.oid)


def test_the_copy_has_statistics(cluster: Cluster, job: CopyJob) -> None:
    """The planner knows the copy's tables from the first query on."""
    released(job, cluster.server())
    with cluster.connect(job.target) as copy:
        text = "SELECT reltuples FROM pg_class WHERE relname = 'orders'"
        assert copy.execute(text).fetchone() == (100.0,)


def test_an_unfrozen_source_is_copied_too(cluster: Cluster, job: CopyJob) -> None:
    """With writes that may be lost, the copy of an open database is open as well."""
    server = cluster.server()
    copy_database(replace(job, frozen=False), LocalShell(), server)
    cluster.execute(job.target, "INSERT INTO orders (total) VALUES (1)")


def test_progress_ends_at_the_size(cluster: Cluster, job: CopyJob) -> None:
    """Progress names bytes of the copy and of the source, the last time when all is there."""
    told: list[tuple[int, int]] = []
    server = cluster.server()
    released(job, server, lambda done, total: told.append((done, total)))
    done, total = told[-1]
    assert 0.5 < done / total < 1.5


def test_a_failing_restore_is_a_failure(cluster: Cluster, job: CopyJob) -> None:
    """What pg_restore cannot do fails the copy, with its own words."""
    cluster.execute(job.target, "CREATE TABLE orders (id int)")
    with pytest.raises(DatabaseError) as caught:
        copy_database(job, LocalShell(), cluster.server())
    assert 'relation "orders" already exists' in caught.value.detail
    assert PASSWORD not in caught.value.detail


def test_a_failing_dump_is_a_failure(job: CopyJob) -> None:
    """What pg_dump cannot do fails the copy, though pg_restore has the last word in the pipe."""
    with pytest.raises(CommandFailed) as caught:
        LocalShell().run(copy_command(replace(job, source="missing")))
    assert 'database "missing" does not exist' in caught.value.detail


@pytest.mark.parametrize(
    ("dying", "said"),
    [
        ("pg_dump", "pg_dump ended with status 3, pg_restore with status 0"),
        ("pg_restore", "pg_dump ended with status 0, pg_restore with status 3"),
    ],
)
def test_either_status_counts(tmp_path: Path, dying: str, said: str) -> None:
    """One end failing is enough, whichever it is and however well the other one did."""
    for tool in ("pg_dump", "pg_restore"):
        status = 3 if tool == dying else 0
        fake = tmp_path / tool
        fake.write_text(f"#!/bin/sh\n[ {tool} = pg_dump ] || cat >/dev/null\nexit {status}\n")
        fake.chmod(0o755)
    with pytest.raises(CommandFailed, match=said):
        LocalShell().run(copy_command(replace(PAPER, tools=str(tmp_path))))


def test_a_dump_that_dies_midway(cluster: Cluster, job: CopyJob) -> None:
    """The dump's session is ended under it: no half copy passes for a whole one."""
    waiting = (
        "SELECT pid FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock' "
        "AND application_name = 'deployer'"
    )
    with (
        ThreadPoolExecutor() as pool,
        cluster.connect("postgres", "root") as killer,
        cluster.connect(job.source, "root") as root,
        root.transaction(),
    ):
        root.execute("LOCK TABLE parts_low IN ACCESS EXCLUSIVE MODE")
        copying = pool.submit(copy_database, job, LocalShell(), cluster.server())
        while not (found := killer.execute(waiting, [job.source]).fetchall()):
            assert not copying.done()
        killer.execute("SELECT pg_terminate_backend(%s)", found[0])
        with pytest.raises(DatabaseError) as caught:
            copying.result(timeout=30)
    assert "pg_dump ended with status 1" in caught.value.detail


def test_the_password_is_never_on_disk(tmp_path: Path) -> None:
    """The tools have it in their environment; no file holds it, and no file stays at all."""
    (tmp_path / "tmp").mkdir()
    spy = tmp_path / "pg_dump"
    spy.write_text(
        f"#!/bin/sh\nenv >{tmp_path}/env\ngrep -r s3cret {tmp_path}/tmp >{tmp_path}/found\nexit 1\n"
    )
    spy.chmod(0o755)
    command = copy_command(replace(PAPER, tools=str(tmp_path)))
    script = f"TMPDIR={tmp_path}/tmp; export TMPDIR\n{command.script}"
    with pytest.raises(CommandFailed):
        LocalShell().run(replace(command, script=script))
    assert "PGPASSWORD=s3cret\n" in (tmp_path / "env").read_text()
    assert (tmp_path / "found").read_text() == ""
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_copy_that_lacks_rows_is_no_copy(cluster: Cluster, job: CopyJob) -> None:
    """Whatever the tools said: it is compared with its source before anybody uses it."""

    class Losing(LocalShell):
        def run(
            self, command: Command, on_output: Callable[[bytes], None] | None = None
        ) -> CommandResult:
            done = super().run(command, on_output)
            cluster.execute(job.target, "DELETE FROM orders", "root")
            return done

    server = cluster.server()
    prepared = prepare_copy(job, LocalShell(), server, trial=False)
    with pytest.raises(DatabaseError, match=r"rows of public\.orders"):
        fill_copy(prepared, Losing(), server)


def test_an_unequal_copy_is_refused() -> None:
    """A row or a sequence that differs is named."""
    server = FakeServer()
    for name in ("shop_old", "shop_new"):
        server.create(name, "app", MEMORY)
        server.held[name].add_table("public.orders", rows=7)
    check_copy(PAPER, server)
    server.held["shop_new"].sequences["public.ids"] = "7*"
    with pytest.raises(DatabaseError, match=r"sequence of public\.ids: missing in shop_old"):
        check_copy(PAPER, server)
    server.held["shop_new"].rows["public.orders"] = 6
    with pytest.raises(DatabaseError, match=r"rows of public\.orders: 7 .* 6 in the copy"):
        check_copy(PAPER, server)


def test_a_source_that_is_written_to_compares_by_tables() -> None:
    """Without a freeze the numbers may differ, a missing table may not."""
    server = FakeServer()
    for name, rows in (("shop_old", 8), ("shop_new", 7)):
        server.create(name, "app", MEMORY)
        server.held[name].add_table("public.orders", rows=rows)
    check_copy(replace(PAPER, frozen=False), server)
    server.held["shop_old"].add_table("public.lines")
    with pytest.raises(DatabaseError, match=r"public\.lines"):
        check_copy(replace(PAPER, frozen=False), server)


def test_here_gives_up_in_time(tmp_path: Path) -> None:
    """A command that hangs is ended with all it has started."""
    script = f"(sleep 30; touch {tmp_path}/late) | cat"
    with pytest.raises(CommandTimedOut, match=r"gave up after 0\.2s"):
        LocalShell().run(Command(script, "nap", timeout=0.2))
    left = subprocess.run(["pgrep", "-f", f"{tmp_path}/late"], capture_output=True, check=False)
    assert left.stdout == b""
