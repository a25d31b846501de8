"""A release that uses live's own database: whether it does, and what is recorded of that.

`copy = "never"` always shares it. With `"when-migrating"` the command `pending` decides, on the new
machine: only "nothing is pending" shares it, every other answer is followed by a copy. Nothing is
shut, as old and new code write to the same rows: no write is lost, and what a migration changes is
changed for both.
"""

from __future__ import annotations

from deployer.release.context import ReleaseContext
from deployer.release.steps.migrate import with_environment
from reconciler.config.service import Database
from reconciler.database.port import DatabaseServer
from reconciler.errors import CommandFailed
from reconciler.machine.shell import Command
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId

CANNOT_RUN = 126
"""From this exit status on, a shell says that it could not run a command, or that a signal did."""


def is_shared(run: ReleaseContext, config: Database) -> bool:
    """Whether this release shares live's database, which its env file names already."""
    if config.pending is None:
        return config.copy_ == "never"
    return not _is_pending(run, config.pending)


def _is_pending(run: ReleaseContext, line: str) -> bool:
    """Whether the new code wants the database changed. Raises ShellError.

    A command that cannot run at all is an error; one that fails otherwise leads to a copy, which is
    always safe.
    """
    path, limit = run.ports.service.code.path, run.within(run.ports.service.limits.migrate)
    script = with_environment(line, path, run.env_file)
    command = Command(script, f"pending `{line}`", sudo=True, timeout=limit)
    try:
        run.created.machines[0].shell.run(command)
    except CommandFailed as error:
        if error.status >= CANNOT_RUN:
            raise
        run.note(
            "database", f"`{line}` ended with {error.status}: copied and migrated{_last(error)}"
        )
        return True
    run.note("database", f"`{line}` ended with 0: nothing is pending, not copied")
    return False


def _last(error: CommandFailed) -> str:
    lines = error.detail.splitlines()
    return f": {lines[-1]}" if lines and lines[-1] else ""


def remember_live(
    run: ReleaseContext, server: DatabaseServer, source: str, owner: DeployId
) -> None:
    """Give live's database its memory, if no deploy made it.

    Before another database exists: while it is not known which one live uses, a sweep deletes none.
    """
    if next(one.memory for one in server.databases() if one.name == source) is None:
        managed = run.ports.managed
        act = managed.fenced_act(run.held.generation, owner, run.held.ledger.was)
        server.record_baseline(source, act)


def share(run: ReleaseContext, server: DatabaseServer, source: str, owner: DeployId) -> str:
    """Record that this release uses the database of `owner`, before anything relies on it.

    On the machines by a tag, which `recover` and every sweep read; in the ledger by the commit. A
    database that no deploy made gets its memory now, or nothing would say whose it is.
    """
    ids = [machine.id for machine in run.created.machines]
    run.ports.compute.tag(ids, {t.SHARES: str(owner)})
    remember_live(run, server, source, owner)
    run.database.name, run.database.shared = source, owner
    return f"{source}, shared with live: no copy, no freeze"
