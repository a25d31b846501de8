"""Decides which previous and kept deploys are past their retention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, Previous

DRAIN = timedelta(seconds=60)
"""Added to the record's TTL: how long clients may still reach a deploy that is not live now."""


@dataclass(frozen=True)
class Retention:
    """How many good previous deploys are kept, how long, and how long rejected ones are kept.

    Rejected deploys do not count as good: a rollback must not push out its possible targets.
    """

    keep: int = 2
    keep_for: timedelta | None = None
    keep_rejected: timedelta = timedelta(days=7)


def beyond(ledger: Ledger, policy: Retention, now: datetime, ttl: int) -> tuple[DeployId, ...]:
    """The ids to forget, oldest last. None while clients may still use its old addresses."""
    drained = now - timedelta(seconds=ttl) - DRAIN
    good = [one for one in ledger.previous if not one.rejected]
    gone = good[policy.keep :]
    gone += [one for one in good[1 : policy.keep] if _older(one, policy.keep_for, now)]
    gone += [
        one for one in ledger.previous if one.rejected and _older(one, policy.keep_rejected, now)
    ]
    over = {one.id for one in gone if one.retired < drained}
    over |= {one.id for one in ledger.kept if one.until < now}
    named = [one.id for one in ledger.previous] + [one.id for one in ledger.kept]
    return tuple(one for one in named if one in over)


def _older(one: Previous, limit: timedelta | None, now: datetime) -> bool:
    return limit is not None and one.retired + limit < now
