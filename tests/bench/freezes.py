"""How long writes are refused for the copy of a database: all of it in the freeze, or its rows."""

from __future__ import annotations

import itertools
import os
import shlex
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deployer.provisioning.database_copy import (
    CopyJob,
    check_copy,
    check_tools,
    fill_copy,
    prepare_copy,
)
from deployer.provisioning.local_shell import LocalShell
from reconciler.database.postgres.connection import AdminUrl
from reconciler.database.state_comment import Memory
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from tests.bench.page import goal, table
from tests.support.postgres_cluster import PASSWORD, Cluster, running

PAIRS = 3
OWNER = "app"
LEDGER = "Z123/shop._deploy.example.com"
LIVE = DeployId.parse("shop/20261123T031502Z-7kq2m")
NEXT = DeployId.parse("shop/20261124T031502Z-8mq4z")

_WORDS = f"""\
A database of one application on a PostgreSQL of its own, copied {PAIRS} times each way, in turn.
Seconds from the first act of the freeze until the copy is checked; medians. **All in the freeze**:
shut, create, one `pg_dump | pg_restore` of everything, privileges, comparison, statistics: what
`up` did before. **Rows only**: the schema is restored, and all that follows the rows tried, while
writes go on; then shut, compare the schema's digest, rows and indexes, and the same end. Migration,
start and smoke test, which a freeze lasts for as well, are no part of this.
"""


@dataclass(frozen=True)
class Shape:
    """Tables with an index each beside their key, a reference to the first, and a check."""

    name: str
    tables: int
    rows: int

    def statements(self) -> str:
        """What makes them, as their owner."""
        first = "CREATE TABLE t0 (id int PRIMARY KEY, word text, n int);"
        others = "".join(
            f"CREATE TABLE t{number} (id int PRIMARY KEY, word text CHECK (word <> ''),"
            f" n int REFERENCES t0); CREATE INDEX ON t{number} (word);"
            for number in range(1, self.tables)
        )
        rows = f"SELECT n, md5(n::text), 1 FROM generate_series(1, {self.rows}) n;"  # noqa: S608
        filled = "".join(f"INSERT INTO t{number} {rows}" for number in range(self.tables))
        return f"{first}{others}{filled}"


SHAPES = (Shape("few large tables", 4, 250_000), Shape("many small tables", 300, 50))

_generations = itertools.count(5, 2)

Way = Callable[[Cluster, CopyJob], tuple[float, float]]
"""Copies; returns the seconds before the freeze and those in it."""


def measure(_: Path) -> Iterator[str]:
    """Each shape, both ways in turn."""
    yield _WORDS
    rows, won = [], []
    with running() as cluster:
        for shape in SHAPES:
            whole, prepared = _pairs(cluster, shape)
            old = statistics.median(frozen for _, frozen in whole)
            new = statistics.median(frozen for _, frozen in prepared)
            before = statistics.median(before for before, _ in prepared)
            size = f"{shape.tables} × {shape.rows:,} rows"
            rows.append(
                f"{shape.name} | {size} | {old:.2f} | {new:.2f} | {old / new:.2f} × | {before:.2f}"
            )
            won.append(old / new)
    yield from table(
        "database | size | all in the freeze, s | rows only, s | ratio | before the freeze, s", rows
    )
    yield ""
    yield goal(min(won) > 1, f"the freeze is shorter for each; {min(won):.2f} × at least here")


def _pairs(cluster: Cluster, shape: Shape) -> tuple[list[tuple[float, float]], ...]:
    found: dict[Way, list[tuple[float, float]]] = {_all_frozen: [], _rows_frozen: []}
    with _live(cluster, shape) as source:
        for _ in range(PAIRS):
            for way, seconds in found.items():
                target = cluster.new_name()
                admin = AdminUrl.parse(cluster.url())
                major = cluster.major
                job = CopyJob(admin, source, target, OWNER, major=major, tools=str(cluster.bin))
                seconds.append(way(cluster, job))
                cluster.drop(target)
    return tuple(found.values())


@contextmanager
def _live(cluster: Cluster, shape: Shape) -> Iterator[str]:
    name = cluster.new_name()
    cluster.execute("postgres", f"CREATE DATABASE {name} OWNER {OWNER}", "admin")
    cluster.execute(name, shape.statements())
    cluster.execute(name, "VACUUM ANALYZE")
    yield name
    cluster.drop(name)


def _all_frozen(cluster: Cluster, job: CopyJob) -> tuple[float, float]:
    server = cluster.server()
    with _frozen(cluster, job) as seconds:
        server.create(job.target, OWNER, _memory(), like=job.source)
        _pipe(job)
        server.open_like(job.target, job.source)
        check_copy(job, server)
        server.analyze(job.target)
    return 0.0, seconds[0]


def _pipe(job: CopyJob) -> None:
    """One pipe of everything, as before."""
    bin_, common = shlex.quote(job.tools), "--no-password --no-publications --no-subscriptions"
    source = shlex.quote(job.admin.without_secret(job.source))
    target = shlex.quote(job.admin.without_secret(job.target))
    into = f"--role={job.owner} --dbname={target}"
    script = (
        f"{bin_}/pg_dump --format=custom --compress=0 {common} --dbname={source} | "
        f"{bin_}/pg_restore --no-owner --exit-on-error {common} {into}"
    )
    env = {**os.environ, "PGPASSWORD": PASSWORD}
    subprocess.run(["bash", "-o", "pipefail", "-c", script], check=True, env=env)


def _rows_frozen(cluster: Cluster, job: CopyJob) -> tuple[float, float]:
    server, shell = cluster.server(), LocalShell()
    began = time.perf_counter()
    survey = server.survey_copy(job.source, OWNER)
    check_tools(job, shell, "here")
    server.create(job.target, OWNER, _memory(), like=job.source)
    prepared = prepare_copy(job, shell, server, trial=survey.can_be_tried)
    before = time.perf_counter() - began
    with _frozen(cluster, job) as seconds:
        if server.definitions(job.source) != prepared.definitions:
            raise RuntimeError("nobody has changed the schema")
        fill_copy(prepared, shell, server)
    return before, seconds[0]


@contextmanager
def _frozen(cluster: Cluster, job: CopyJob) -> Iterator[list[float]]:
    """Live is shut for the body; its seconds are there when it is open again."""
    server, seconds = cluster.server(), list[float]()
    generation = next(_generations)
    began = time.perf_counter()
    server.shut(job.source, FencedAct(generation, LIVE, LEDGER), [OWNER], 5)
    yield seconds
    seconds.append(time.perf_counter() - began)
    server.thaw(job.source, FencedAct(generation + 1, LIVE, LEDGER))


def _memory() -> Memory:
    return Memory(NEXT, LEDGER, datetime.now(UTC))
