"""Who holds the lease of a service, in which step, and when that process last showed life. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from deployer.checks.lease.pause import PAUSED, reason_of
from deployer.checks.refusals import releaser
from deployer.checks.service_state import ServiceState
from deployer.ports import Ports
from deployer.release.lease_terms import terms_of
from reconciler.model import ledger as ledgers
from reconciler.model.ledger import Lease

MISSED = 2
"""So many renewals may be late before a deployer is called silent: AWS answers slowly at times."""


@dataclass(frozen=True)
class AtWork:
    """The holder of the lease. `release` and `by` are '' before it has created anything.

    `seen` is the time of its last renewal: the lease's end less its length, as configured here.
    """

    lease: Lease
    release: str
    by: str
    seen: datetime
    alive: bool


def at_work(ports: Ports, state: ServiceState) -> AtWork | None:
    """The holder of the lease; None where nobody holds one, or the ledger could not be read."""
    lease, now = state.ledger.lease, state.service_plan.root.now
    if lease is None or state.service_plan.problem:
        return None
    terms = terms_of(ports.service.lease)
    if state.service_plan.shut_live is not None:
        terms = terms.while_frozen()
    if lease.step == PAUSED:  # a person: nobody renews it
        over = ledgers.expired(lease, now)
        return AtWork(lease, "", reason_of(state.service_plan, lease), now, alive=not over)
    seen = min(max(lease.until - terms.length, lease.id.born), now)
    alive = now - seen <= MISSED * terms.every and not ledgers.expired(lease, now)
    release, by = releaser(state.service_plan, lease.id)
    return AtWork(lease, release, by, seen, alive)
