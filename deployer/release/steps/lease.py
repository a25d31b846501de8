"""Lease: rooted before it exists (rule 1): the ledger names this deploy before any create."""

from __future__ import annotations

from deployer.release.context import ReleaseContext, needed
from deployer.release.lease_holder import LeaseHolder
from deployer.release.lease_terms import terms_of


def take(run: ReleaseContext) -> str:
    """Acquire the lease by a swap against the exact value that the guard read."""
    terms = terms_of(run.ports.service.lease)
    reading = needed(run.reading, "reading")
    lease = LeaseHolder(
        run.ports.managed.ledgers,
        reading,
        run.deploy,
        terms,
    )
    # Stored before the swap is sent: if its reply is lost, the clean-up reads the ledger.
    run.lease = lease
    # The guard has checked that the record is as the ledger wrote it, and that no other ledger has
    # it: so a ledger of an older version may get its home now (rule 12).
    lease.acquire(reading.address.home)
    return "lease renewed while I live"
