"""Decides which previous and kept deploys are past their retention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, Previous

DRAIN = timedelta(seconds=60)
"""Added to the record's TTL: how long clients may still reach a deploy that is not live now."""


@dataclass(frozen=True)
class StandbyPolicy:
    """How long old connections may last, and what becomes of a machine that serves nobody.

    `drain` None: the old app is never stopped. The deploy that a rollback would return to runs for
    `park_after`; older ones are parked as soon as they are drained. `terminate` forgets a deploy
    where `stop` parks it.
    """

    drain: timedelta | None = None
    park: Literal["stop", "run", "terminate"] = "run"
    park_after: timedelta = timedelta(hours=24)


@dataclass(frozen=True)
class Retention:
    """How many good previous deploys are kept, how long, and how long rejected ones are kept.

    Rejected deploys do not count as good: a rollback must not push out its possible targets.
    `standby` says what the machines of a previous deploy do meanwhile.
    """

    keep: int = 2
    keep_for: timedelta | None = None
    keep_rejected: timedelta = timedelta(days=7)
    standby: StandbyPolicy = field(default_factory=StandbyPolicy)


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
    if policy.standby.park == "terminate":
        gone += _terminated(ledger, policy.standby, now, ttl)
    over = {previous.id for previous in gone if previous.retired < drained}
    over |= {kept.id for kept in ledger.kept if kept.until < now}
    named = [previous.id for previous in ledger.previous] + [kept.id for kept in ledger.kept]
    return tuple(deploy for deploy in named if deploy in over)


def _terminated(ledger: Ledger, policy: StandbyPolicy, now: datetime, ttl: int) -> list[Previous]:
    """The good ones whose machines the configuration does not keep for a rollback."""
    before, spare = drained_before(policy, now, ttl), next_target(ledger)
    good = (previous for previous in ledger.previous if not previous.rejected)
    return [
        previous
        for previous in good
        if previous.retired < before
        and (previous.id != spare or _older(previous, policy.park_after, now))
    ]


def next_target(ledger: Ledger) -> DeployId | None:
    """The deploy that a rollback returns to if none is named."""
    good = (entry.id for entry in ledger.previous if not entry.rejected)
    return next(good, None)


def drained_before(policy: StandbyPolicy, now: datetime, ttl: int) -> datetime:
    """What was retired before this has no clients any more, as far as DNS and `drain` go."""
    return now - timedelta(seconds=ttl) - DRAIN - (policy.drain or timedelta(0))


def _older(previous: Previous, limit: timedelta | None, now: datetime) -> bool:
    return limit is not None and previous.retired + limit < now


def went_live(deploy: DeployId, before: Sequence[Previous]) -> datetime | None:
    """When the deploy became live: when the one before it was retired. `before`: newest first.

    None where that one is not in the ledger any more. Only a rollback makes an older deploy live,
    and it marks the newer one as rejected.
    """
    left = before[0] if before else None
    if left is None or left.retired < deploy.born:
        return None
    return left.retired if left.rejected or left.id.born < deploy.born else None
