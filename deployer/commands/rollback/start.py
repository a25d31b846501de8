"""Gets the target of a rollback to serve: starts its machines, then its app, under the lease.

A sweep may have put them to rest. Their tag is changed before anything is started: if this process
dies, the next sweep sees machines that are not at rest, and puts them back. And they are given
their order even if they serve: from then on a late order to stop or to halt is refused (rule 10).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from deployer.commands.rollback.context import LOOK, RollbackContext
from reconciler.errors import CannotConnect, CloudError, ToolError
from reconciler.machine import unit_control
from reconciler.machine.shell import Shell
from reconciler.machine.unit_control import Act
from reconciler.machine.unit_state import digest
from reconciler.model import tags as t
from reconciler.model.outcome import OutcomeStatus
from reconciler.model.resource import Resource
from reconciler.model.tags import Label
from reconciler.plan.record_drift import at_now
from reconciler.plan.standby import Standby, reached
from reconciler.traffic.release_addresses import addresses_of, lacks
from reconciler.util.backoff import Backoff
from reconciler.util.concurrency import side_by_side

ASLEEP = frozenset({"stopped", "stopping"})
NO_CAPACITY = "InsufficientInstanceCapacity"


def start(run: RollbackContext) -> str:
    """Start what is stopped, wait for its addresses, and order every machine to run the app."""
    machines = run.seen.machines(run.target.id)
    if not machines:
        raise ToolError(f"{run.target.id} cannot serve: it has no machines any more", cure=LOOK)
    asleep = [one for one in machines if one.state in ASLEEP]
    _unmark(run, machines)
    run.machines = _running(run, machines, bool(asleep))
    run.at = _addresses(run, run.machines)
    if not run.at:
        raise ToolError(f"{run.target.id} cannot serve: {lacks(run.target, run.machines)}")
    side_by_side(run.machines, lambda machine: _order(run, machine, bool(asleep)))
    started = f", {len(asleep)} of them started" if asleep else ""
    return f"{len(machines)} running{started}"


def _unmark(run: RollbackContext, machines: Sequence[Resource]) -> None:
    """Note that they are not at rest any more, before they are not.

    And that one labelled `live` is not finished: the follow-up of an earlier rollback died. If this
    one is left as well, nobody would see that its jobs were stopped by `_order`.
    """
    managed = run.ports.managed
    noted = [one for one in machines if reached(one.tags.get(t.UNITS, "")) is not Standby.SERVING]
    left = [one for one in machines if one.label is Label.LIVE and one not in noted]
    for outcome in (
        *managed.heap.label(noted, Label.RETIRED, digest(managed.gate)),
        *managed.heap.label(left, Label.PENDING),
    ):
        if outcome.status is not OutcomeStatus.DONE:
            raise ToolError(f"{outcome.resource.id} could not be labelled: {outcome.text}")


def _running(
    run: RollbackContext, machines: Sequence[Resource], asleep: bool
) -> tuple[Resource, ...]:
    """The machines as they are once all run and hold the addresses for the record."""
    limit = run.ports.service.limits.boot.total_seconds() if asleep else 0.0
    pace = Backoff(first=0.2, longest=5.0, deadline=limit, sleep=run.lease.sleep)
    asked: set[str] = set()
    found = tuple(machines)
    for number, _ in enumerate(pace.attempts()):
        if number or asleep:  # those that run were described a moment ago
            found = run.ports.managed.heap.describe(machines).resources
        _refuse_ended(run, found)
        stopped = [one.id for one in found if one.state == "stopped" and one.id not in asked]
        if stopped:
            _start(run, stopped)
            asked.update(stopped)
        if _is_up(run, found, len(machines)):
            return found
    down = next((f"{one.id} is {one.state}" for one in found if one.state != "running"), "")
    why = down or lacks(run.target, found)
    raise CloudError(
        f"{run.target.id} cannot serve: {why}", cure="raise limits.boot, or choose --to"
    )


def _is_up(run: RollbackContext, found: Sequence[Resource], wanted: int) -> bool:
    running = len(found) == wanted and all(one.state == "running" for one in found)
    return running and bool(_addresses(run, found))


def _addresses(run: RollbackContext, machines: Sequence[Resource]) -> tuple[str, ...]:
    """Where the record will point: what the machines hold now, after a start."""
    entry = run.target
    return at_now(entry.at, machines) if entry.via is None else addresses_of(entry, machines)


def _refuse_ended(run: RollbackContext, found: Sequence[Resource]) -> None:
    ended = next((one for one in found if one.state in ("terminated", "shutting-down")), None)
    if ended is not None:
        raise ToolError(f"{run.target.id} cannot serve: {ended.id} is {ended.state}")


def _start(run: RollbackContext, ids: Sequence[str]) -> None:
    try:
        run.ports.compute.start(ids)
    except CloudError as error:
        if error.code != NO_CAPACITY:
            raise
        name, release = run.ports.service.name, run.release(run.target.id)
        ref = "" if release == str(run.target.id) else f" --ref {release}"
        raise CloudError(
            f"AWS has no capacity to start {', '.join(ids)}; what is live serves on, untouched",
            code=error.code,
            cure=f"Try again in a while      deployer rollback {name} --to {run.target.id}\n"
            f"Or release it anew       deployer up {name}{ref}",
        ) from error


def _order(run: RollbackContext, machine: Resource, booted: bool) -> None:
    """Order it to run the app; its jobs stay stopped until it is live."""
    managed = run.ports.managed
    if managed.gate is None:
        return
    limit = run.ports.service.limits.connect.total_seconds() if booted else 0.0
    pace = Backoff(first=1.0, longest=5.0, deadline=limit, sleep=run.lease.sleep)
    shell: Shell = pace.retry(partial(managed.reach.shell, machine), _is_booting)
    generation, target = run.lease.generation, str(run.target.id)
    try:
        act = Act(generation, target, app="run", jobs="stop", lacks=True)
        unit_control.obey(shell, managed.gate, act)
    finally:
        shell.close()


def _is_booting(error: BaseException) -> bool:
    """Whether another try may reach it. Until a boot has ended, sshd lets nobody in."""
    return isinstance(error, CannotConnect) and error.kind != "host-key-mismatch"
