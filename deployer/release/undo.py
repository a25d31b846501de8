"""Undo before the commit: account for every create, end the lease, sweep the deploy's own id.

In this order (rules 3, 4 and 8). While the lease is ours every create whose reply was lost is
settled; then the lease is ended by a swap, and only when the ledger says that we are not rooted is
anything deleted.

If the live database is closed, it is reopened first: one swap ends the lease and one transaction
thaws, within the ten seconds that CI leaves between SIGINT and SIGKILL. Nothing delays this: the
database is closed only after image and machines are known, so no create is unsettled then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from deployer import events as e
from deployer.release.context import ReleaseContext
from deployer.release.lease_holder import LeaseHolder
from deployer.release.reopen_live import open_again
from deployer.release.wait_listed import wait_until_listed
from reconciler.cost import estimate
from reconciler.errors import CloudError, CloudUnclear, ToolError
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import NotAllowed
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.plan.service_plan import SweepRequest
from reconciler.ports.fleet import Fleet
from reconciler.ports.service import ManagedService
from reconciler.sweep.result import SweepResult
from reconciler.sweep.runner import sweep
from reconciler.util.signals import Interrupted, held_back

T = TypeVar("T")


@dataclass(frozen=True)
class Undone:
    """The result of the clean-up. `left` lists what remains, one line each; empty when clean."""

    removed: dict[str, int]
    left: tuple[str, ...]
    committed: bool = False
    kept: bool = False


def undo(run: ReleaseContext, reason: str) -> Undone:
    """Undo everything so far. Never raises a ToolError: failures are listed in `left`."""
    run.emit(e.CleanUpBegan(reason, keeps=bool(run.options.keep_failed)))
    _warn_of_changes(run)
    trouble = _account(run)
    try:
        ended = run.held.end(run.options.keep_failed)
        if not ended and run.held.committed(run.deploy):
            return Undone({}, (), committed=True)
    except (ToolError, NotAllowed) as error:
        # Perhaps still rooted: delete nothing. The lease expires, then a sweep cleans up.
        close_sessions(run)
        left = (*trouble, f"the lease could not be ended: {error}")
        return _finished(run, {}, left + still_shut(run.held, run.database.source))
    kept = ended and bool(run.options.keep_failed)
    try:
        _thaw_live(run)
        close_sessions(run)
        if kept:
            return _keep(run, trouble)
        return _sweep_own(run, trouble)
    except ToolError as error:
        # Not raised as the release's error: that would read as a completed clean-up.
        return _finished(run, {}, (*trouble, f"the clean-up ended early: {error}"), kept=kept)


def _warn_of_changes(run: ReleaseContext) -> None:
    """Nothing undoes a migration of the database that live uses."""
    if run.database.migrating and run.database.shared is not None:
        run.emit(
            e.Warned(
                f"the migration ran on {run.database.name}, which live uses: what it changed "
                "stays, and live goes on with it"
            )
        )


def still_shut(lease: LeaseHolder, database: str) -> tuple[str, ...]:
    """The lines that tell the user what to do while `database` may still be closed."""
    if not database:
        return ()
    service = lease.mine.service
    if lease.committing:
        cure = f"reconciler sweep --service {service}"
        return (f"{database} may refuse writes, or be left: once the ledger can be read, {cure}",)
    said = f"{database} may refuse writes until the lease has run out and a sweep has opened it"
    cure = f"deployer thaw {service} --deployer-is-dead"
    return (f"{said}; at once, once this process has ended: {cure}",)


def left_shut(
    managed: ManagedService, lease: LeaseHolder, database: str, live: DeployId | None
) -> tuple[str, ...]:
    """The line for a `database` of `live` that another's lease forbids us to open again.

    Our own lease was ended, and taken, before our freeze: a process may sleep between any two acts.
    Raises what the server raises.
    """
    now, other = lease.ledger.live, lease.ledger.lease
    if not database or now is None or now.id != live or other is None or other.id == lease.mine:
        return ()
    if not managed.reach.databases().is_shut(database):
        return ()
    cure = f"once that has ended, reconciler sweep --service {managed.name}"
    return (f"{database} refuses writes, and {other.id} holds the lease: {cure}",)


def settled(settle: Callable[[], bool]) -> bool:
    """Whether the commit was made, as `settle` finds out; a first signal waits for the result.

    A half-finished undo would exit like a complete one after a signal (exit 130). If the commit
    turns out to be made, the signal came too late, and the follow-up continues.
    """
    live = False
    try:
        with held_back("the answer whether the release is live"):
            live = settle()
    except Interrupted:
        if not live:
            raise
    return live


def _thaw_live(run: ReleaseContext) -> None:
    """Writes first: clients are waiting for them, and nothing else is urgent.

    If it fails, the following sweep retries and reports the reason.
    """
    live = run.start.reading.ledger.live
    if not run.database.source or live is None:
        return
    try:
        opened = open_again(run.ports.managed, run.held.ledger, run.database.source, live.id)
    except ToolError as error:
        run.emit(e.Warned(f"{run.database.source} could not be opened at once: {error}"))
        return
    if opened:
        run.thawed(cut_over=False)


def _account(run: ReleaseContext) -> tuple[str, ...]:
    """Settle the creates with unknown outcome, by repeating them with their own token."""
    trouble = [run.created.stopped] if run.created.stopped else []
    compute = run.ports.compute
    if run.created.image_order is not None and not run.created.image:
        order = run.created.image_order
        run.created.image = _again("image", lambda: compute.create_image(order), trouble) or ""
    if run.created.launch_order is not None and not run.created.launched:
        launch = run.created.launch_order
        run.created.launched = _again("machines", lambda: compute.launch(launch), trouble) or ()
    joining, traffic = run.created.join_order, run.ports.managed.traffic
    if joining is not None and not run.created.joined:
        made = _again("target groups", lambda: traffic.create(joining), trouble)
        run.created.joined = made or ()
    return tuple(trouble)


def _again(what: str, create: Callable[[], T], trouble: list[str]) -> T | None:
    try:
        return create()
    except CloudError as error:
        if not _definite(error):
            trouble.append(f"whether {what} were made is not known: {error}")
    except ToolError as error:
        trouble.append(f"whether {what} were made is not known: {error}")
    return None


def _definite(error: CloudError) -> bool:
    """AWS refused the identical request, so the earlier one created nothing either."""
    return not isinstance(error, CloudUnclear)


def close_sessions(run: ReleaseContext) -> None:
    """Close the SSH sessions: commands still running on the new machines end with them."""
    for shell in (*(machine.shell for machine in run.created.machines), *run.files.sessions):
        with suppress(ToolError):
            shell.close()


def _sweep_own(run: ReleaseContext, trouble: tuple[str, ...]) -> Undone:
    if not wait_until_listed(run):
        trouble = (*trouble, "not everything that was made is listed by its tags yet")
    result, ledger = _sweep(run), run.start.reading.ledger
    live = ledger.live.id if ledger.live else None
    shut = left_shut(run.ports.managed, run.held, run.database.source, live)
    return _finished(run, _counts(result), trouble + left_lines(result) + shut)


def _keep(run: ReleaseContext, trouble: tuple[str, ...]) -> Undone:
    """Delete nothing: kept evidence is rooted; it is labelled and its units stop."""
    result = _sweep(run)
    left = trouble + left_lines(result)
    # Each was labelled; what is rightly labelled by now is not described any more.
    labelled = {outcome.resource.key: outcome.resource for outcome in result.outcomes}
    own = [one for one in labelled.values() if one.deploy == run.deploy]
    cost = estimate.add(estimate.of(one, run.held.now, run.ports.prices) for one in own)
    until = next(one.until for one in run.held.ledger.kept if one.id == run.deploy)
    done = e.CleanUpDone({}, len(left), not run.created.stopped, until)
    kept = Counter(one.kind for one in own)
    hourly = None if cost.unknown else float(cost.hourly)
    run.emit(replace(done, kept=dict(kept), kept_per_hour=hourly))
    return Undone({}, left, kept=True)


def _sweep(run: ReleaseContext) -> SweepResult:
    managed = run.ports.managed
    ask = SweepRequest(managed.retention, only=run.deploy)

    def tell(one: Outcome) -> None:
        resource = one.resource
        if one.status is OutcomeStatus.DONE and not one.text:
            return  # a label was written: not reported
        run.emit(e.CleanUpItem(resource.kind, resource.id, one.status.value, one.text))

    return sweep(Fleet.of(managed, ask), tell)


def _counts(result: SweepResult) -> dict[str, int]:
    return dict(Counter(one.resource.kind for one in result.gone))


def left_lines(result: SweepResult) -> tuple[str, ...]:
    """What a sweep left, one line each, with the reason."""
    last = {outcome.resource.key: outcome for outcome in result.outcomes}
    lines = [service_plan.problem for service_plan in result.left.unknown]
    for plan in result.left.services:
        for verdict in plan.deletes:
            known = last.get(verdict.resource.key)
            why = f": {known.text}" if known and known.text else ""
            lines.append(f"{verdict.resource.kind} {verdict.resource.id}{why}")
        for repair in plan.repairs:
            lines += [f"{repair.deploy}: {repair.why}", *_causes(result, repair.deploy)]
    lines += [f"{gap.kind}s could not be listed: {gap.reason}" for gap in result.gaps]
    return (*lines, *result.trouble)


def held_lines(result: SweepResult) -> tuple[str, ...]:
    """What a follow-up left to somebody who took the lease right after the commit."""
    found = ((plan, plan.root.ledger.lease) for plan in result.first.services)
    return tuple(
        f"{lease.id} holds the lease by now: jobs, writes and labels wait for its end"
        for plan, lease in found
        if lease is not None and plan.end is None
    )


def _causes(result: SweepResult, deploy: DeployId) -> list[str]:
    """Why a repair failed, each cause once: who may not label one resource may not label any."""
    causes: dict[str, str] = {}
    for outcome in result.outcomes:
        failed = outcome.status not in (OutcomeStatus.DONE, OutcomeStatus.GONE)
        if failed and outcome.text and outcome.resource.deploy == deploy:
            causes.setdefault(outcome.text, f"{outcome.resource.id}: {outcome.text}")
    return [*causes.values()]


def _finished(
    run: ReleaseContext, removed: dict[str, int], left: tuple[str, ...], *, kept: bool = False
) -> Undone:
    run.emit(e.CleanUpDone(removed, len(left), served=not run.created.stopped))
    return Undone(removed, left, kept=kept)
