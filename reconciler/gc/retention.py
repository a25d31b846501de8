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
    good = [previous for previous in ledger.previous if not previous.rejected]
    gone = good[policy.keep :]
    gone += [
        previous for previous in good[1 : policy.keep] if _older(previous, policy.keep_for, now)
    ]
    gone += [
        previous
        for previous in ledger.previous
        if previous.rejected and _older(previous, policy.keep_rejected, now)
    ]
    over = {previous.id for previous in gone if previous.retired < drained}
    over |= {kept.id for kept in ledger.kept if kept.until < now}
    named = [previous.id for previous in ledger.previous] + [kept.id for kept in ledger.kept]
    return tuple(deploy for deploy in named if deploy in over)


def _older(previous: Previous, limit: timedelta | None, now: datetime) -> bool:
    return limit is not None and previous.retired + limit < now
