"""Follow-up: applies the desired state right after the commit, instead of in the next sweep.

It is the sweep itself, so it is idempotent and its failure loses nothing (rule 7): jobs run here
and stop there; the old database stays closed; labels come last; then retention.
"""

from __future__ import annotations

from deployer import events as e
from deployer.release.context import ReleaseContext
from deployer.release.undo import held_lines, left_lines
from deployer.release.wait_listed import wait_until_listed
from reconciler.errors import ToolError
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.plan.service_plan import SweepRequest
from reconciler.ports.fleet import Fleet
from reconciler.sweep.runner import sweep


def follow_up(run: ReleaseContext) -> str:
    """Bring the service to its desired state. Failures are recorded, not raised."""
    managed = run.ports.managed

    def tell(one: Outcome) -> None:
        if one.status is not OutcomeStatus.DONE:
            run.note("follow-up", f"{one.resource.kind} {one.resource.id}: {one.status} {one.text}")

    try:
        if not wait_until_listed(run):
            run.unfinished.append("the new machines are not listed by their tags yet")
        ask = SweepRequest(
            managed.retention, run.start.reading.drain_ttl, spare=run.options.despite
        )
        result = sweep(Fleet.of(managed, ask), tell, follow_up=True)
    except ToolError as error:
        run.unfinished.append(str(error))
        return "unfinished"
    run.unfinished.extend((*left_lines(result), *held_lines(result)))
    for line in (*run.unfinished, *result.left.contradictions):
        run.emit(e.Warned(line))
    return "jobs here, not there; labels written" if not run.unfinished else "unfinished"
