"""The databases of a rollback: first counts what only the newer one holds.

The newer one is closed before the commit and the older one opened after it, so that at no moment
both take writes.
"""

from __future__ import annotations

from dataclasses import dataclass

from deployer import events as e
from deployer.checks import refusals
from deployer.checks.database_access import login_on
from deployer.commands.rollback.context import RollbackContext
from deployer.release.clock import elapsed
from reconciler.database import findings
from reconciler.database.port import Changes, DatabaseServer
from reconciler.errors import Refused
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import DATABASE


@dataclass(frozen=True)
class _Pair:
    """The databases of the deploy that is left and of the target.

    `older` is '' where none is known: then everything in the newer one is left behind.
    """

    server: DatabaseServer
    newer: str
    older: str


def _databases(run: RollbackContext) -> _Pair | None:
    """Both databases; None where the deploys share one, or the deploy that is left has none."""
    newer = run.seen.database(run.live.id)
    older = run.seen.database(run.target.id)
    if newer is None or (older and newer.name == older.name):
        return None
    server = run.ports.managed.reach.databases()
    return _Pair(server, newer.name, older.name if older else "")


def refuse_early(run: RollbackContext) -> None:
    """Count before anything is changed: a refusal must not disturb the live service.

    Databases that cannot be listed are not absent (rule 6): the older would stay closed, and the
    newer would go on taking writes that are lost.
    """
    gap = next((one for one in run.seen.inventory.gaps if one.kind == DATABASE), None)
    if gap is not None:
        raise refusals.no_databases(run.ports.managed.name, gap)
    pair = _databases(run)
    if pair is not None:
        _refuse_sealed(run, pair)
        _refuse_losses(run, pair.server.changes_since_baseline(pair.newer))


def _refuse_sealed(run: RollbackContext, pair: _Pair) -> None:
    """Refuse now if the older one cannot be opened: after the commit it would be too late."""
    server, service = pair.server, run.ports.managed.name
    infos = {database.name: database.memory for database in server.databases()}
    name = pair.older or _named_by(run)
    memory = infos.get(name)
    if name not in infos or (memory and memory.acls) or server.writers(name):
        return
    then = f"deployer rollback {service} --to {run.target.id}"
    if memory is not None:
        then = f"deployer recover {service} --database {name}   and go back"
    raise findings.nothing_to_give_back(name, ", ".join(run.ports.managed.app_roles), then)


def _named_by(run: RollbackContext) -> str:
    """The database in the target's env file: an adopted deploy's may have lost its memory.

    Raises ShellError.
    """
    config, machines = run.ports.service.database, run.seen.machines(run.target.id)
    if config is None or not machines or machines[0].state != "running":
        return ""
    return login_on(run.ports, machines[0], config).database


def shut_newer(run: RollbackContext) -> str:
    """Close the newer database; count again what would be lost: the count is now final."""
    pair = _databases(run)
    if pair is None:
        return "the same database, or none: it stays as it is, and nothing is lost"
    server, managed = pair.server, run.ports.managed
    run.lease.shorten()
    run.shut = pair.newer  # before the act: if it is interrupted, the undo reopens it
    was = run.lease.ledger.was
    act = managed.fenced_act(run.lease.generation, _owner(run, run.live.id), was)
    run.frozen_at = elapsed()
    server.shut(pair.newer, act, managed.app_roles, managed.max_wait)
    limit = run.ports.service.database
    run.emit(e.FreezeBegan(limit.max_freeze.total_seconds() if limit else 0))
    changes = (
        server.changes_since_baseline(pair.newer)
        if run.discard_writes
        else server.final_changes(pair.newer)
    )
    _refuse_losses(run, changes)
    run.lost = losses(changes)
    # From here on the older database counts: rolling forward again reports what that would lose.
    if pair.older:
        act = managed.fenced_act(run.lease.generation, _owner(run, run.target.id), was)
        server.record_baseline(pair.older, act)
    return f"{pair.newer} is shut; left behind: {run.lost}"


def _owner(run: RollbackContext, deploy: DeployId) -> DeployId:
    return run.seen.ledger.database_of(deploy)


def losses(changes: Changes) -> str:
    """`at least 214 row changes: orders 12, sessions 171`."""
    if not changes.any:
        return "no row changes"
    tables = ", ".join(f"{name} {n}" for name, n in sorted(changes.tables.items()))
    more = " and others that cannot be counted" if changes.unknown else ""
    return f"at least {changes.at_least} row changes{more}" + (f": {tables}" if tables else "")


def _refuse_losses(run: RollbackContext, changes: Changes) -> None:
    if run.discard_writes or not changes.any:
        return
    service = run.ports.service.name
    newer, older = run.release(run.live.id), run.release(run.target.id)
    to = "" if run.rejects else f" --to {run.target.id}"
    raise Refused(
        f"{newer} has taken {losses(changes)}, which {older}'s database does not have",
        detail="Its database would be shut and kept.",
        cure=f"To go back without them:  deployer rollback {service}{to} --discard-writes",
    )
