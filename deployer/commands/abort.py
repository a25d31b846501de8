"""`deployer abort`: ends a lease on an operator's order, and sweeps its deploy's resources.

If the deployer that held the lease still runs, it finds the lease gone at its next step and undoes
itself: whichever comes first does the work, and deletions are idempotent.
"""

from __future__ import annotations

from deployer.checks.service_state import ServiceState, survey
from deployer.ports import Ports
from reconciler.errors import Refused
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Lease
from reconciler.plan.service_plan import SweepRequest
from reconciler.ports.fleet import Fleet
from reconciler.ports.service import OnOutcome
from reconciler.sweep.result import SweepResult
from reconciler.sweep.runner import sweep


def lease_to_abort(ports: Ports, deploy: DeployId | None = None) -> tuple[ServiceState, Lease]:
    """The present lease. Raises Refused if nobody holds one, or another deploy does."""
    seen = survey(ports)
    _, ledger = seen.known()
    lease = ledger.lease
    name = ports.managed.name
    if lease is None or (deploy is not None and lease.id != deploy):
        who = f"{deploy} does not hold" if deploy else "nobody holds"
        raise Refused(
            f"{who} the lease of {name}: there is nothing to abort",
            cure=f"To see what is there     deployer status {name}\n"
            f"To remove what was left  reconciler sweep --service {name}",
        )
    return seen, lease


def abort(ports: Ports, lease: Lease, on_outcome: OnOutcome = lambda _: None) -> SweepResult:
    """End exactly this lease and sweep its deploy's resources; the live database is reopened.

    Raises Refused if the deploy went live meanwhile: nothing was aborted, so success would be
    wrong.
    """
    managed = ports.managed
    ask = SweepRequest(managed.retention, only=lease.id, end_lease=lease, operator=True)
    result = sweep(Fleet.of(managed, ask), on_outcome)
    live = result.left.services[0].root.ledger.live
    if live is not None and live.id == lease.id:
        raise Refused(
            f"{lease.id} went live before it could be stopped: nothing was aborted",
            cure=f"To go back            deployer rollback {managed.name}",
        )
    return result
