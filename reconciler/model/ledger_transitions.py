"""Ledger transitions outside a release: adoption, another home or address, nobody live. Pure.

Each requires that nobody holds the lease.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import (
    Kept,
    Ledger,
    LedgerHome,
    Live,
    NotAllowed,
    next_generation,
    require,
    with_old_live,
)


def adopt(ledger: Ledger, live: Live, now: datetime) -> Ledger:
    """Adds a machine that no deploy created to the ledger. Requires no lease.

    If somebody moved the record away from a live deploy, that deploy becomes the newest previous. A
    service that left comes back: its deploy may be live again, as it never lost its root.
    """
    require(ledger.lease is None, "the lease is held")
    ledger = replace(ledger, left=None)
    require(live.id not in ledger.rooted, f"{live.id} is rooted already")
    require(bool(live.at), "nothing to point the record at")
    return next_generation(ledger, live=live, previous=with_old_live(ledger, now))


def readdress(ledger: Ledger, at: tuple[str, ...]) -> Ledger:
    """Sets the live machines' new addresses after a stop and start (rule 11).

    Requires no lease, a live deploy and a complete, non-empty set.
    """
    require(ledger.lease is None, "the lease is held")
    require(bool(at), "never to an empty set")
    if ledger.live is None:
        raise NotAllowed("nobody is live")
    return next_generation(ledger, live=replace(ledger.live, at=at))


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
    kept = tuple(Kept(entry.id, until, entry.db) for entry in previous)
    return next_generation(ledger, live=None, previous=(), kept=(*ledger.kept, *kept))


def leave(ledger: Ledger, live: Live, now: datetime, until: datetime) -> Ledger:
    """The tombstone of a service that leaves: its live deploy is `left`. Requires no lease.

    `live` is the live entry, with the machines' ids where `adopt` needs them. It stays rooted, so
    that nothing of it is ever garbage, whatever has been untagged so far. Every previous deploy is
    kept until `until` and is garbage afterwards.
    """
    require(ledger.lease is None, "the lease is held")
    require(ledger.live is not None and ledger.live.id == live.id, f"{live.id} is not live")
    previous = with_old_live(ledger, now)[1:]
    kept = tuple(Kept(entry.id, until, entry.db) for entry in previous)
    return next_generation(ledger, live=None, left=live, previous=(), kept=(*ledger.kept, *kept))


def rename(ledger: Ledger, home: LedgerHome, live: Live | None = None) -> Ledger:
    """Sets another home within the same zone. Requires no lease.

    `live` is the same deploy with the addresses by which the new home finds it.
    """
    require(ledger.lease is None, "the lease is held")
    same = live is None or (ledger.live is not None and live.id == ledger.live.id)
    require(same, "another deploy is live")
    return next_generation(ledger, home=home, live=live or ledger.live)


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
