"""Copies a database into a new one on the same server: schema, rows and the rest, then a check.

`prepare_copy` restores the schema into the new database and tries all that comes after the rows
(indexes, constraints, triggers), while live still takes writes: what fails then has frozen nobody.
`fill_copy` brings rows and what was tried, and checks the copy; live is closed by then.

The pipelines run where the network path is: on the new machine, or locally. Privileges come with
the schema, as they are while live is open; `DatabaseServer.open_like` grants what a dump does not
carry, with everything else that belongs to a database and not to its content.

Never `pg_dump -C`: it copies the comment, and the copy would claim to be its source. Publications
and subscriptions are omitted: a copy must not send or receive production's changes.
"""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from deployer.provisioning.local_shell import Runner
from reconciler.database.copying import cannot_restore, tools_fit, wrong_tools
from reconciler.database.grants import Grant
from reconciler.database.port import DatabaseServer
from reconciler.database.postgres.connection import AdminUrl
from reconciler.errors import CommandFailed, DatabaseError, ToolError
from reconciler.machine.shell import Command, OnBytes
from reconciler.util.log import Logger

log = Logger()

POLL = 0.5
"""Seconds between two reads of the copy's size."""


@dataclass(frozen=True)
class CopyJob:
    """The databases and roles of one copy.

    admin    the server as the machine that runs the pipeline sees it
    owner    the role that owns everything in the copy
    frozen   the source is closed: then the copy must equal it, row for row
    major    the server's version, whose tools are taken where there are several; 0: the PATH's
    tools    directory of pg_dump and pg_restore there; '' for its PATH
    timeout  wall-clock seconds for a pipeline
    """

    admin: AdminUrl
    source: str
    target: str
    owner: str
    frozen: bool = True
    major: int = 0
    tools: str = ""
    timeout: float = 3600.0


def schema_command(job: CopyJob) -> Command:
    """Restores tables, types, functions and privileges: all but rows and what follows them."""
    return _command(job, "schema", _pipe(job, "pre-data"))


def trial_command(job: CopyJob) -> Command:
    """Makes on the empty tables what follows the rows, in a transaction that is rolled back.

    A killed deployer leaves nothing of it, and the tables stay without indexes for the load.
    """
    text = shlex.join([*_RESTORE, "--section=post-data", f"--role={job.owner}", "--file=-"])
    into = shlex.join([*_PSQL, f"--dbname={job.admin.without_secret(job.target)}"])
    # What pg_restore could not write is an error to psql, whose status alone the pipe has.
    script = f"{{ echo 'BEGIN;'; {text} && echo 'ROLLBACK;' || echo 'pg_restore failed;'; }}"
    restore = f"{script} | {into}"
    return _command(job, "trial", (_dump(job, "post-data"), restore))


def copy_command(job: CopyJob) -> Command:
    """The rows, then indexes and constraints. The password is in its standard input alone."""
    return _command(job, "copy", _pipe(job, "data", "post-data"))


def versions_command(job: CopyJob) -> Command:
    """The versions of the tools that the others will run."""
    script = f"{_path(job)}\npg_dump --version && pg_restore --version && psql --version"
    return Command(script, "look for pg_dump, pg_restore and psql", timeout=30)


def _command(job: CopyJob, what: str, pipe: tuple[str, str]) -> Command:
    """POSIX sh: checks both ends of the pipe, since sh reports only the last one's status.

    If either fails, the command fails, with the last lines of both. The password goes from standard
    input into the environment: a file would survive a SIGKILL, and be in an image.
    """
    dump, restore = pipe
    return Command(
        script=_SCRIPT.format(path=_path(job), dump=dump, restore=restore),
        label=f"{what} of database {job.source}",
        stdin=job.admin.password_line,
        timeout=job.timeout,
    )


def _pipe(job: CopyJob, *sections: str) -> tuple[str, str]:
    into = [f"--role={job.owner}", f"--dbname={job.admin.without_secret(job.target)}"]
    wanted = [f"--section={section}" for section in sections]
    return _dump(job, *sections), shlex.join([*_RESTORE, *wanted, *into])


def _dump(job: CopyJob, *sections: str) -> str:
    wanted = [f"--section={section}" for section in sections]
    return shlex.join([*_DUMP, *wanted, f"--dbname={job.admin.without_secret(job.source)}"])


def _path(job: CopyJob) -> str:
    """The tools' place: of several versions that of the server, as distributions install them."""
    if job.tools:
        return f'PATH={shlex.quote(job.tools)}:"$PATH"; export PATH'
    places = f"/usr/lib/postgresql/{job.major}/bin /usr/pgsql-{job.major}/bin"
    return f'for at in {places}; do [ -x "$at/pg_restore" ] && PATH="$at:$PATH"; done; export PATH'


_COMMON = ("--no-password", "--no-publications", "--no-subscriptions")
# Compression inside a pipe on one machine only costs time.
_DUMP = ("pg_dump", "--format=custom", "--compress=0", *_COMMON)
_RESTORE = ("pg_restore", "--no-owner", "--exit-on-error", *_COMMON)
_PSQL = (
    "psql",
    "--no-psqlrc",
    "--quiet",
    "--no-password",
    "--set=ON_ERROR_STOP=1",
    "--output=/dev/null",
)
_SCRIPT = """\
umask 077
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
{path}
IFS= read -r PGPASSWORD && export PGPASSWORD
PGCONNECT_TIMEOUT=10 PGAPPNAME=deployer
export PGCONNECT_TIMEOUT PGAPPNAME
{{ {dump} 2>"$dir/dump.err"; echo $? >"$dir/dump"; }} | {{ {restore}; }} 2>"$dir/restore.err"
restore=$?
dump=$(cat "$dir/dump") || dump=lost
[ "$dump" = 0 ] && [ "$restore" = 0 ] && exit 0
for tool in dump restore; do
  tail -n 15 "$dir/$tool.err" >&2
done
echo "pg_dump ended with status $dump, pg_restore with status $restore" >&2
exit 1
"""


@dataclass(frozen=True)
class Prepared:
    """A copy that only lacks what changes while live takes writes.

    definitions  the digest of the source that its schema was made from
    lent         what its owner was given for the load
    """

    job: CopyJob
    definitions: str
    lent: frozenset[Grant] = frozenset()

    def within(self, timeout: float) -> Prepared:
        """The same, with seconds for the rest."""
        return replace(self, job=replace(self.job, timeout=timeout))


def check_tools(job: CopyJob, runner: Runner, where: str) -> None:
    """Raise Refused unless the tools there can dump and restore on this server."""
    said = runner.run(versions_command(job)).text
    found = [int(number) for number in re.findall(r"\(PostgreSQL\)\D*(\d+)", said)]
    if len(found) < 2:
        raise DatabaseError(f"the versions of pg_dump and pg_restore are not known: {said.strip()}")
    if job.major and not tools_fit(found[0], found[1], job.major):
        raise wrong_tools(found[0], found[1], job.major, where)


def prepare_copy(job: CopyJob, runner: Runner, server: DatabaseServer, *, trial: bool) -> Prepared:
    """Restore the schema into the new `job.target`; try all that follows the rows, if `trial`.

    Raises DatabaseError for what they refuse, and the other errors of `Shell.run`.
    """
    before = server.definitions(job.source)
    try:
        runner.run(schema_command(job))
        lent = server.lend(job.target, job.owner)
        if trial:
            runner.run(trial_command(job))
    except CommandFailed as error:
        raise cannot_restore(job.source, error.detail or error.message) from error
    return Prepared(job, before, lent)


def fill_copy(
    prepared: Prepared, runner: Runner, server: DatabaseServer, on_bytes: OnBytes | None = None
) -> None:
    """Fill a prepared copy and check it against its source.

    `on_bytes` gets the sizes of the copy and the source; the copy may end up smaller (no dead rows)
    or a little larger. Raises CommandFailed and the other errors of `Shell.run`, DatabaseError
    where the copy differs.
    """
    job = prepared.job
    with _watched(job, server, on_bytes):
        runner.run(copy_command(job))
    server.open_like(job.target, job.source, prepared.lent)
    check_copy(job, server)
    server.analyze(job.target)


def check_copy(job: CopyJob, server: DatabaseServer) -> None:
    """Compare tables, rows and sequences. Raises DatabaseError naming the first differences.

    A source that still takes writes can only be compared by the names of its tables.
    """
    for what, read in (("rows", server.row_counts), ("sequence", server.sequence_values)):
        expected, actual = _read(read, job.source), _read(read, job.target)
        if not job.frozen:
            expected, actual = dict.fromkeys(expected, ""), dict.fromkeys(actual, "")
        found = [
            f"{what} of {name}: {there} in {job.source}, {here} in the copy"
            for name, there, here in _differing(expected, actual)
        ]
        if found:
            first = f"the copy is not equal to its source: {found[0]}"
            raise DatabaseError(first, detail="\n".join(found))


def _differing(
    expected: Mapping[str, str], actual: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    for name in sorted({*expected, *actual}):
        there, here = expected.get(name, "missing"), actual.get(name, "missing")
        if there != here:
            yield name, there, here


def _read(read: Callable[[str], Mapping[str, object]], name: str) -> dict[str, str]:
    return {key: str(value) for key, value in read(name).items()}


@contextmanager
def _watched(job: CopyJob, server: DatabaseServer, on_bytes: OnBytes | None) -> Iterator[None]:
    """Report the copy's growth while the body runs."""
    if on_bytes is None:
        yield
        return
    done = threading.Event()
    total = server.size(job.source)

    def watch() -> None:
        while not done.wait(POLL):
            try:
                on_bytes(server.size(job.target), total)
            except ToolError as error:
                # Only the display suffers; if the server is really gone, the pipeline fails.
                log.warning("no progress to show", cause=error.message)
                return

    thread = threading.Thread(target=watch, name="copy-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    on_bytes(server.size(job.target), total)
