"""Whether a ledger leaves room for all that must stay possible: above all a rollback. Pure.

A TXT value has 4,000 characters. A release that fills them would be let through and could not be
left again: a rollback needs room for its lease, and a target with more machines needs more
addresses. So whatever adds an entry or a long word reckons beforehand, with the longest text of
every later transition. A rollback itself is never refused for size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from reconciler.errors import Refused
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import (
    STEP_LIMIT,
    Kept,
    Lease,
    Ledger,
    Live,
    Previous,
    Via,
    with_old_live,
)
from reconciler.model.ledger_codec import LedgerTooLong, encode

LONGEST_ADDRESS = "255.255.255.255"
LAST_GENERATION = 10**18 - 1


def refuse_full(after: Ledger, mine: DeployId, now: datetime) -> None:
    """Refuse to write `after` if a later transition would not fit. `mine` has the longest id."""
    try:
        for possible in longest_after(after, mine, now):
            encode(possible)
    except LedgerTooLong as error:
        raise _full(after, mine.service, error) from error


def longest_after(after: Ledger, mine: DeployId, now: datetime) -> Iterator[Ledger]:
    """For each deploy that may become live by rollbacks: the longest ledger in which it is live.

    All others are rejected, the evidence of a failure is added, and a lease is held in a step of
    the longest name. Every other ledger until the next release has a shorter text.
    """
    entries = with_old_live(after, now, rejected=True)
    for target in entries:
        at = (LONGEST_ADDRESS,) * (target.count or len(target.at))
        yield replace(
            after,
            gen=LAST_GENERATION,
            live=Live(target.id, at, target.ids, target.via or Via.PRIVATE, target.db),
            previous=tuple(_rejected(entry) for entry in entries if entry != target),
            kept=(*after.kept, Kept(mine, now)),
            lease=Lease(mine, now, "x" * STEP_LIMIT),
        )


def _rejected(entry: Previous) -> Previous:
    return replace(entry, rejected=True)


def _full(after: Ledger, service: str, error: LedgerTooLong) -> Refused:
    rejected = sum(entry.rejected for entry in after.previous)
    served = len(after.previous) - rejected
    key = "`keep_rejected`" if rejected > served else "`keep`"
    return Refused(
        f"{service}: the ledger would have no room for a later rollback: {error}",
        detail=f"it would name {served} previous, {rejected} rejected, {len(after.kept)} kept",
        cure=(
            f"Set a lower {key} in services/{service}.toml, then   "
            f"reconciler sweep --service {service}\n"
            f"Fewer machines (`instance.count`) need less room as well."
        ),
    )
