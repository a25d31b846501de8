"""Lease: rooted before it exists (rule 1): the ledger names this deploy before any create."""

from __future__ import annotations

from deployer.release.context import ReleaseContext


def take(run: ReleaseContext) -> str:
    """Acquire the lease by a swap against the exact value that the guard read."""
    # The guard has checked that the record is as the ledger wrote it, and that no other ledger has
    # it: so a ledger of an older version may get its home now (rule 12).
    run.held.acquire(run.start.reading.address.home)
    return "lease renewed while I live"
