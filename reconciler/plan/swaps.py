"""The swaps of the ledger that a plan begins with, and the ledger after them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from reconciler.gc.retention import beyond
from reconciler.gc.verdict import Root
from reconciler.model import ledger as ledgers
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ending, Lease, Ledger
from reconciler.plan.service_plan import SweepRequest


@dataclass(frozen=True)
class Swaps:
    """The changes of the ledger before anything is deleted, and the ledger after them."""

    ledger: Ledger
    end: Lease | None
    forget: tuple[DeployId, ...]


def swaps(
    root: Root, ask: SweepRequest, *, forget: bool = True, spared: Collection[DeployId] = ()
) -> Swaps:
    """The swaps that a plan begins with; without `forget`, nothing is forgotten now.

    `spared` are deploys that other names lead to: clients may still use them, so they stay rooted.
    """
    ended, end = _end_lease(root, ask)
    over = _forgets(ended, root, ask) if forget else ()
    forgets = tuple(deploy for deploy in over if deploy not in spared)
    return Swaps(without(ended, forgets), end, forgets)


def _end_lease(root: Root, ask: SweepRequest) -> tuple[Ledger, Lease | None]:
    lease = root.ledger.lease
    if lease is None:
        return root.ledger, None
    # Compares the deploy, not the exact lease: a holder that is alive renews every few minutes.
    asked = ask.operator and ask.end_lease is not None and lease.id == ask.end_lease.id
    if not asked and not ledgers.expired(lease, root.now):
        return root.ledger, None
    if ask.among is not None and ask.among.end != lease.id:
        return root.ledger, None
    return ledgers.end(root.ledger, Ending(lease, root.now, operator=asked)), lease


def _forgets(ledger: Ledger, root: Root, ask: SweepRequest) -> tuple[DeployId, ...]:
    # Unseen resources could not be labelled `left`: once not rooted, they would count as lost.
    if ledger.lease is not None or ask.only is not None or ask.unfinished_only:
        return ()
    # As of the listing: a deploy that was still live then may have resources that the listing
    # lacks, and what could not be labelled `left` would count as lost.
    over = beyond(ledger, ask.retention, root.now - root.heap_age, ask.ttl)
    return tuple(deploy for deploy in over if ask.among is None or deploy in ask.among.forget)


def without(ledger: Ledger, forgets: Iterable[DeployId]) -> Ledger:
    """The ledger after these deploys were forgotten."""
    for deploy in forgets:
        ledger = ledgers.forget(ledger, deploy)
    return ledger
