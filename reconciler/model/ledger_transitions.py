"""Ledger transitions that people ask for: another home or address, nobody live. Pure.

None of them is part of a release. Each requires that nobody holds the lease.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import (
    Kept,
    Ledger,
    LedgerHome,
    NotAllowed,
    next_generation,
    require,
    with_old_live,
)


def identify(ledger: Ledger, ids: tuple[str, ...]) -> Ledger:
    """Record the instances of the live, adopted deploy. Requires no lease and a live deploy."""
    require(ledger.lease is None, "the lease is held")
    if ledger.live is None:
        raise NotAllowed("nobody is live")
    return next_generation(ledger, live=replace(ledger.live, ids=ids))


def retire(ledger: Ledger, deploy: DeployId, now: datetime, until: datetime | None) -> Ledger:
    """Close the service: nobody is live. Requires no lease, and that `deploy` is live (rule 14).

    `deploy` becomes the newest previous. With `until`, every deploy that served is kept until then
    and is garbage afterwards.
    """
    require(ledger.lease is None, "the lease is held")
    require(ledger.live is not None and ledger.live.id == deploy, f"{deploy} is not live")
    previous = with_old_live(ledger, now)
    if until is None:
        return next_generation(ledger, live=None, previous=previous)
    kept = tuple(Kept(entry.id, until) for entry in previous)
    return next_generation(ledger, live=None, previous=(), kept=(*ledger.kept, *kept))


def rename(ledger: Ledger, home: LedgerHome) -> Ledger:
    """Sets another home within the same zone. Requires no lease."""
    require(ledger.lease is None, "the lease is held")
    return next_generation(ledger, home=home)


def close(ledger: Ledger, to: str) -> Ledger:
    """The tombstone of a ledger that moves to the address `to`. Requires no lease.

    It keeps its content, so that the command that finishes the move finds it; but it refuses
    every other use from now on. It is written before the new ledger: at no moment are there two.
    """
    require(ledger.lease is None, "the lease is held")
    require(not ledger.moved, "it was moved already")
    return next_generation(ledger, moved=to)


def reopen(closed: Ledger, old: str, home: LedgerHome) -> Ledger:
    """The ledger at its new address, made from the tombstone at `old`."""
    require(bool(closed.moved), "the old ledger is not closed yet")
    return next_generation(closed, moved="", was=(old, *closed.was), home=home)
