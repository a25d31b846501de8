"""Lease: rooted before it exists (rule 1): the ledger names this deploy before it makes a thing."""

from __future__ import annotations

from deployer.release.context import ReleaseContext, needed
from deployer.release.lease_holder import LeaseHolder
from deployer.release.lease_terms import terms_of


def take(run: ReleaseContext) -> str:
    """Acquire the lease by a swap against the very value the guard read."""
    terms = terms_of(run.ports.service.lease)
    reading = needed(run.reading, "reading")
    lease = LeaseHolder(
        run.ports.managed.ledgers,
        reading,
        run.deploy,
        terms,
    )
    # Known to the run before the swap is sent: if its reply is lost, the clean-up asks the ledger.
    run.lease = lease
    # The guard has seen that the record is as the ledger wrote it, and that nobody else has it: so
    # a ledger of an older version may be told whose it is (rule 12).
    lease.acquire(reading.address.home)
    return "lease renewed while I live"
