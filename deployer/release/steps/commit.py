"""Commit: verifies the freeze, then sends the one Route 53 batch that makes this deploy live.

Where traffic follows the ledger, the batch is the ledger's swap alone, and the switch comes right
after it.
"""

from __future__ import annotations

from deployer import events as e
from deployer.release.context import ReleaseContext
from deployer.release.live.carried_files import rest
from deployer.release.traffic_switch import refuse_moved, switch
from reconciler.errors import DatabaseError


def commit(run: ReleaseContext) -> str:
    """Swap the ledger and the A record together. After this, nothing of this deploy is deleted."""
    rest(run)
    _verify_freeze(run)
    live = run.start.reading.ledger.live
    seen = live.id if live else None
    managed, order = run.ports.managed, run.created.join_order
    before = refuse_moved(managed, order, run.held.ledger)
    db, point = run.database.shared, managed.traffic.in_batch
    run.held.commit(run.deploy, run.addresses, seen, run.via, db=db, point=point)
    for line in switch(managed, order, run.held.generation, before):
        run.emit(e.Warned(line))  # the follow-up, or any sweep, goes on with it
    return f"{', '.join(run.addresses)} in generation {run.held.generation}"


def _verify_freeze(run: ReleaseContext) -> None:
    """Check that the old database got no write since the dump began.

    Privileges bind every role except an owner's own DDL, so the schema digest is compared too. The
    baseline is recorded last: what the new database is written from now on is what a rollback would
    lose.
    """
    # A shared one keeps its baseline: a rollback past the release that copied it counts from there.
    if not run.database.name or run.database.shared is not None:
        return
    server = run.ports.managed.reach.databases()
    if run.database.freeze is not None:
        run.within(run.ports.service.limits.start)
        frozen = run.database.freeze
        if not server.is_shut(frozen.database):
            raise DatabaseError(
                f"{frozen.database} takes writes again: somebody opened it, and the copy lacks "
                "what was written since",
                cure="find out who gave the privileges back (a thaw, a GRANT), then release again",
            )
        if server.schema_digest(frozen.database) != frozen.digest:
            raise _changed(frozen.database)
    managed, was = run.ports.managed, run.held.ledger.was
    act = managed.fenced_act(run.held.generation, run.deploy, was)
    server.record_baseline(run.database.name, act)


def _changed(database: str) -> DatabaseError:
    return DatabaseError(
        f"{database} was changed while it was shut: by DDL of an owner, REFRESH MATERIALIZED VIEW, "
        "ALTER SEQUENCE, or a large object that was made; the copy lacks that",
        cure="release again when nothing does so; a large object is refused beforehand, then",
    )
