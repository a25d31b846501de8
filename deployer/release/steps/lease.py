"""Lease: rooted before it exists (rule 1): the ledger names this deploy before any create."""

from __future__ import annotations

from deployer.release.context import ReleaseContext
from reconciler.model.ledger import Ledger
from reconciler.model.ledger_home import settle
from reconciler.plan.record_drift import machines_of
from reconciler.traffic.release_addresses import without_addresses


def take(run: ReleaseContext) -> str:
    """Acquire the lease by a swap against the exact value that the guard read."""

    def complete(old: Ledger) -> Ledger:
        # The guard has checked that the record is as the ledger wrote it, and that no other ledger
        # has it: so a ledger of an older version may get its home now (rule 12).
        home = settle(old, run.start.reading.address)
        return without_addresses(home, machines_of(run.start.service_plan.verdicts))

    run.held.acquire(complete)
    return "lease renewed while I live"
