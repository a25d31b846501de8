"""Copies a database into a new one on the same server: dump | restore, then a check.

The pipeline runs where the network path is: on the new machine, or locally. The source is closed
while it is dumped, so the dump lacks its write privileges; `DatabaseServer.open_like` grants them
on the copy afterwards, with everything else that belongs to a database and not to its content.

Never `pg_dump -C`: it copies the comment, and the copy would claim to be its source. Publications
and subscriptions are omitted: a copy must not send or receive production's changes.

Limits: an extension that a cloud's own rules forbid, and a privilege that was granted by another
role than the object's owner, make pg_restore fail, with its own message.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from deployer.provisioning.local_shell import Runner
from reconciler.database.port import DatabaseServer
from reconciler.database.postgres.connection import AdminUrl
from reconciler.errors import DatabaseError, ToolError
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
    tools    directory of pg_dump and pg_restore there; '' for its PATH
    timeout  wall-clock seconds for the pipeline
    """

    admin: AdminUrl
    source: str
    target: str
    owner: str
    frozen: bool = True
    tools: str = ""
    timeout: float = 3600.0


def copy_command(job: CopyJob) -> Command:
    """The pipeline as one command. The password is in its standard input, and nowhere else."""
    return Command(
        script=copy_script(job),
        label=f"copy of database {job.source}",
        stdin=job.admin.password_line,
        timeout=job.timeout,
    )


def copy_script(job: CopyJob) -> str:
    """POSIX sh: checks both ends of the pipe, since sh reports only the last one's status.

    If either fails, the command fails, with the last lines of both. The password goes from standard
    input into the environment: a file would survive a SIGKILL, and be in an image.
    """
    return _SCRIPT.format(
        path=f'PATH={shlex.quote(job.tools)}:"$PATH"; export PATH' if job.tools else ":",
        dump=shlex.join([*_DUMP, f"--dbname={job.admin.without_secret(job.source)}"]),
        restore=shlex.join(
            [
                *_RESTORE,
                f"--role={job.owner}",
                f"--dbname={job.admin.without_secret(job.target)}",
            ]
        ),
    )


_COMMON = ("--no-password", "--no-publications", "--no-subscriptions")
# Compression inside a pipe on one machine only costs time.
_DUMP = ("pg_dump", "--format=custom", "--compress=0", *_COMMON)
_RESTORE = ("pg_restore", "--no-owner", "--exit-on-error", *_COMMON)
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
{{ {dump} 2>"$dir/dump.err"; echo $? >"$dir/dump"; }} | {restore} 2>"$dir/restore.err"
restore=$?
dump=$(cat "$dir/dump") || dump=lost
[ "$dump" = 0 ] && [ "$restore" = 0 ] && exit 0
for tool in dump restore; do
  tail -n 15 "$dir/$tool.err" >&2
done
echo "pg_dump ended with status $dump, pg_restore with status $restore" >&2
exit 1
"""


def copy_database(
    job: CopyJob, runner: Runner, server: DatabaseServer, on_bytes: OnBytes | None = None
) -> None:
    """Fill the new `job.target` and check it against its source.

    `on_bytes` gets the sizes of the copy and the source; the copy may end up smaller (no dead rows)
    or a little larger. Raises CommandFailed and the other errors of `Shell.run`, DatabaseError
    where the copy differs.
    """
    with _watched(job, server, on_bytes):
        runner.run(copy_command(job))
    server.open_like(job.target, job.source)
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
            f"{what} of {name}: {expected.get(name, 'missing')} in {job.source}, "
            f"{actual.get(name, 'missing')} in the copy"
            for name in sorted({*expected, *actual})
            if expected.get(name) != actual.get(name)
        ]
        if found:
            raise DatabaseError(
                f"the copy is not equal to its source: {found[0]}", detail="\n".join(found)
            )


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
