"""Bake: after the switch the checks go on for a while, under the requests of real clients.

No lease is held: the release is over, and others may begin. A fault counts once it was seen three
times in a row. Whether the service then goes back by itself is decided by what would be lost: with
the database that the older release uses too, or with none, nothing is.
"""

from __future__ import annotations

from deployer.provisioning.live_check import briefly
from deployer.provisioning.smoke_checks import Subject
from deployer.provisioning.smoke_runner import smoke_subjects
from deployer.release.context import ReleaseContext
from reconciler.errors import BakeFailed, SmokeFailed, ToolError
from reconciler.util.backoff import Backoff
from reconciler.util.humanize import span

LOOK = 10.0
TIMES = 3
"""Seconds between two looks, and how many faults in a row are one. A short bake looks oftener."""


def bake(run: ReleaseContext) -> str:
    """Check until the time is over. Raises BakeFailed."""
    limit = run.ports.service.bake.total_seconds()
    every = max(0.2, min(LOOK, limit / 12))
    faults: list[ToolError] = []
    for passed in Backoff(first=every, longest=every, deadline=limit).attempts():
        if _is_replaced(run):
            return f"not watched to the end: somebody else changed {run.ports.service.name}"
        fault = _fault(run)
        faults = [*faults, fault] if fault else []
        if len(faults) >= TIMES:
            raise failure(run, faults, passed)
        progress = run.progress("bake", fault.message if fault else "well so far", "s")
        progress(round(passed), round(limit))
    return f"well for {span(limit)}"


def _is_replaced(run: ReleaseContext) -> bool:
    """Whether another deploy is live. An unreadable ledger tells nothing."""
    try:
        live = run.ports.managed.ledgers.read(run.start.reading.address).ledger.live
    except ToolError:
        return False
    return live is None or live.id != run.deploy


def _fault(run: ReleaseContext) -> ToolError | None:
    """What is wrong now: by the smoke checks, and by the load balancer's own word."""
    units = run.ports.service.app.units
    subjects = [Subject(machine.address, machine.shell, units) for machine in run.created.machines]
    order, traffic = run.created.join_order, run.ports.managed.traffic
    try:
        smoke_subjects(briefly(run.ports), subjects, lambda _: None)
        waiting = traffic.waiting(order) if order is not None else ()
    except ToolError as error:
        return error
    if waiting:
        return SmokeFailed(f"the load balancer: {waiting[0]}", detail="\n".join(waiting))
    return None


def failure(run: ReleaseContext, faults: list[ToolError], passed: float) -> BakeFailed:
    """The error, with what becomes of it. Only answers prove a fault: we may be cut off."""
    service, last = run.ports.service, faults[-1]
    proved = all(isinstance(fault, SmokeFailed) for fault in faults)
    shares = service.database is None or run.database.shared is not None
    live = run.start.reading.ledger.live
    back = f"deployer rollback {service.name}"
    return BakeFailed(
        f"{run.release} turned bad within {span(round(passed))} of its switch: {last.message}",
        detail=last.detail,
        cure=f"To go back           {back}\nIs it well?          deployer status {service.name}",
        back_to=str(live.id) if proved and shares and live else "",
        left=str(run.deploy),
    )
