"""The databases of a rollback: first counts what only the newer one holds.

The newer one is closed before the commit and the older one opened after it, so that at no moment
both take writes. Writes are refused in between: all that can be done before, or after, is. The
older one's thaw is prepared, and takes effect as the first act after the commit (adr/0028).
"""

from __future__ import annotations

from dataclasses import dataclass

from deployer import events as e
from deployer.checks import refusals
from deployer.checks.database_access import login_on
from deployer.commands.rollback.context import Opening, RollbackContext
from deployer.release.clock import elapsed
from reconciler.database import findings
from reconciler.database.port import Changes, DatabaseServer
from reconciler.errors import Refused, ToolError
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from reconciler.model.resource import DATABASE

STALE = 10.0
"""Seconds after which a thaw is prepared anew: the server ends an idle transaction after 30."""


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
        changes = pair.server.changes_since_baseline(pair.newer)
        _refuse_losses(run, changes)
        run.lost = run.rows = losses(changes)


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
    act = _act(run, run.live.id)
    if pair.older:
        # From here on it counts: rolling forward again reports what that would lose. It is shut.
        # Of the same generation as the shut, by which a thaw without a ledger knows this rollback.
        server.record_baseline(pair.older, _act(run, run.target.id, act.generation))
        prepare_thaw(run)
    run.lease.check()
    run.shut = pair.newer  # before the act: if it is interrupted, the undo reopens it
    run.frozen_at = elapsed()
    server.shut(pair.newer, act, managed.app_roles, managed.max_wait)
    limit = run.ports.service.database
    run.emit(e.FreezeBegan(limit.max_freeze.total_seconds() if limit else 0))
    if not run.discard_writes:
        changes = server.final_changes(pair.newer)
        _refuse_losses(run, changes)
        run.lost = losses(changes)
    return f"{pair.newer} is shut; left behind: {run.lost}"


def prepare_thaw(run: RollbackContext) -> None:
    """Prepare the older database's thaw, as an act of the generation that the commit will have."""
    pair = _databases(run)
    if pair is None or not pair.older:
        return
    generation = run.lease.generation + 1
    opening = run.opening
    if opening and opening.generation == generation and elapsed() - opening.since < STALE:
        return
    give_up_opening(run)  # the lease was renewed meanwhile, or writers took long to end
    thaw = pair.server.prepare_thaw(pair.older, _act(run, run.target.id, generation))
    run.opening = Opening(thaw, generation, elapsed())


def give_up_opening(run: RollbackContext) -> None:
    """Close the prepared thaw's session: nothing of it happens."""
    if run.opening is not None:
        run.opening.thaw.close()
        run.opening = None


def open_older(run: RollbackContext) -> None:
    """The first act after the commit. If it fails, the follow-up tries it again."""
    opening = run.opening
    try:
        # Any other generation: the commit was made again, above a late renewal of our own.
        if opening is not None and opening.generation == run.lease.ledger.gen:
            opening.thaw.commit()
            run.thawed(cut_over=True)
    except ToolError as error:
        run.emit(e.Warned(f"writes are refused for a moment longer: {error}"))
    finally:
        give_up_opening(run)


def count_left_behind(run: RollbackContext) -> None:
    """What only the newer database holds: it is shut, so the count is final (adr/0028)."""
    if not run.shut or not run.discard_writes:
        return
    try:
        server = run.ports.managed.reach.databases()
        rows = losses(server.changes_since_baseline(run.shut))
        run.lost = rows + run.lost.removeprefix(run.rows)  # files may have been added to it
    except ToolError as error:
        run.emit(e.Warned(f"what is left behind could not be counted again: {error}"))


def _act(run: RollbackContext, deploy: DeployId, generation: int | None = None) -> FencedAct:
    gen = run.lease.generation if generation is None else generation
    return run.ports.managed.fenced_act(gen, _owner(run, deploy), run.lease.ledger.was)


def _owner(run: RollbackContext, deploy: DeployId) -> DeployId:
    return run.seen.ledger.database_of(deploy)


def losses(changes: Changes) -> str:
    """`at least 214 row changes: orders 12, sessions 171`."""
    if not changes.any:
        return "no row changes"
    tables = ", ".join(f"{name} {n}" for name, n in sorted(changes.tables.items()))
    if changes.unknown and not changes.at_least:
        return "row changes that cannot be counted"
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
