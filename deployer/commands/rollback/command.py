"""`deployer rollback`: returns to the newest previous release that was not rejected.

Lease, start of what a sweep has put to rest, smoke on the old machines, databases, commit: the old
release must answer before the new one stops. It never refuses for dirt. The newer database is
closed first, so that the count of what only it holds is final; the older one opens after the
commit, so that at no moment both take writes. What need not be known before the switch is asked
after it (adr/0028): until then only the ledger, the machines and the databases are read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from deployer import events as e
from deployer.checks import refusals
from deployer.checks.served import refuse_strangers
from deployer.checks.service_state import ServiceState, survey_machines
from deployer.commands.rollback import files
from deployer.commands.rollback.context import LOOK, RollbackContext, choose
from deployer.commands.rollback.databases import (
    count_left_behind,
    give_up_opening,
    prepare_thaw,
    refuse_early,
    shut_newer,
)
from deployer.commands.rollback.start import start
from deployer.commands.rollback.traffic import account, commit, join
from deployer.ports import Ports
from deployer.provisioning.smoke_runner import smoke_all
from deployer.release.lease_holder import LeaseHolder
from deployer.release.lease_terms import terms_of
from deployer.release.live.dns_names import addresses
from deployer.release.reopen_live import open_again
from deployer.release.steps.guard import new_id
from deployer.release.undo import held_lines, left_lines, left_shut, settled, still_shut
from reconciler.errors import DirtRemains, FollowUpFailed, Refused, ToolError
from reconciler.model import ledger as ledgers
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ending, Ledger
from reconciler.model.reading import Reading
from reconciler.model.tags import Label
from reconciler.plan.record_drift import machines_of
from reconciler.plan.service_plan import SweepRequest
from reconciler.ports.fleet import Fleet
from reconciler.sweep.name_listing import read_names
from reconciler.sweep.runner import sweep
from reconciler.traffic.release_addresses import without_addresses
from reconciler.util.concurrency import begun
from reconciler.util.signals import Interrupted


def rollback(
    ports: Ports,
    to: DeployId | None = None,
    *,
    discard_writes: bool = False,
    leaving: DeployId | None = None,
    emit: e.Listener = e.ignore,
) -> e.RolledBack:
    """Make a previous deploy live again: the newest that was not rejected, or `to`.

    With `leaving`, only if that is the one that is live.

    Raises Refused (nothing changed), ToolError (undone), DirtRemains, FollowUpFailed.
    """
    run = _begin(ports, to, leaving, discard_writes=discard_writes, emit=emit)
    try:
        for name, act in _steps(ports):
            if name != "lease":
                run.lease.begin(name)
            _do(run, name, act)
    except BaseException as error:
        failed = error
        if not settled(lambda: _committed_after_all(run, failed)):
            raise
    return _after(run)


def _begin(
    ports: Ports,
    to: DeployId | None,
    leaving: DeployId | None,
    *,
    discard_writes: bool,
    emit: e.Listener,
) -> RollbackContext:
    seen = survey_machines(ports)
    reading, ledger = seen.known()
    service = ports.service
    if ledger.live is None:
        raise Refused(f"{service.name} has no live deploy to roll back from", cure=LOOK)
    if leaving is not None and ledger.live.id != leaving:
        raise Refused(
            f"{ledger.live.id} is live by now, not {leaving}: nothing was done", cure=LOOK
        )
    if ledger.lease is not None:
        reading, ledger = _end_expired(ports, seen, reading, ledger)
    if seen.service_plan.notes:
        raise refusals.moved(seen.service_plan)
    refuse_strangers(seen.service_plan.root.traffic)
    machines = machines_of(seen.service_plan.verdicts)
    target = choose(without_addresses(ledger, machines), service.name, to, service.park)
    mine = new_id(service.name, reading)
    again = f"deployer rollback {service.name}"
    terms = terms_of(service.lease)
    asleep = any(one.state != "running" for one in seen.machines(target.id))
    if ports.managed.traffic.in_batch and not asleep:
        terms = terms.while_frozen()  # nothing takes long from here on: no swap to shorten it
    lease = LeaseHolder(ports.managed.ledgers, reading, mine, terms, again)
    assert ledger.live is not None
    run = RollbackContext(ports, emit, discard_writes, seen, reading, ledger.live, target, lease)
    refuse_early(run)
    files.refuse_early(run)
    steps = ("guard", *(name for name, _ in _steps(ports)), "follow-up")
    names = (run.release(target.id), run.release(ledger.live.id))
    began = e.ReleaseBegan(service.name, str(mine), *names, steps)
    emit(began)
    return run


def _end_expired(
    ports: Ports, seen: ServiceState, reading: Reading, ledger: Ledger
) -> tuple[Reading, Ledger]:
    """End a dead deployer's expired lease, so that it does not delay the rollback."""
    lease = ledger.lease
    assert lease is not None
    if not ledgers.expired(lease, reading.now):
        again = f"deployer rollback {ports.service.name}"
        raise refusals.held(seen.service_plan, lease, again)
    ended = ledgers.end(ledger, Ending(lease, reading.now))
    return ports.managed.ledgers.swap(reading, ended), ended


def _take(run: RollbackContext) -> str:
    machines = machines_of(run.seen.service_plan.verdicts)
    run.lease.acquire(lambda old: without_addresses(old, machines))
    return "lease taken"


def _smoke(run: RollbackContext) -> str:
    return smoke_all(run.ports, run.at, run.machines, run.lease.sleep)


def _shut(run: RollbackContext) -> str:
    return f"{shut_newer(run)}{files.leave_files(run)}"


def _commit(run: RollbackContext) -> str:
    """Commit, and beside it begin what only a finished follow-up ends: the label `pending`.

    By that label a young sweep finds a commit that nobody follows up. Only the follow-up waits for
    it: whoever begins jobs under the label `retired` writes it again first (repair.py), and an undo
    opens live, whatever the label does meanwhile.
    """
    run.lease.rest()  # no renewal comes between the thaw's generation and the commit's
    prepare_thaw(run)
    machines = run.seen.machines(run.target.id)
    run.marked = begun(lambda: run.ports.managed.label(machines, Label.PENDING))
    commit(run)
    return f"{', '.join(run.at)} in generation {run.lease.generation}"


_Act = Callable[[RollbackContext], str]

_STEPS: tuple[tuple[str, _Act], ...] = (
    ("lease", _take),
    ("start", start),
    ("smoke", _smoke),
    ("database", _shut),
    ("commit", _commit),
)


def _steps(ports: Ports) -> tuple[tuple[str, _Act], ...]:
    """The steps; the machines join traffic that follows the ledger before writes are refused."""
    if ports.managed.traffic.in_batch:
        return _STEPS
    return (*_STEPS[:3], ("traffic", join), *_STEPS[3:])


def _do(run: RollbackContext, name: str, act: _Act) -> None:
    began = time.monotonic()
    run.emit(e.StepBegan(name))
    try:
        text = act(run)
    except ToolError as error:
        run.emit(e.StepFailed(name, error.message, error.detail))
        raise
    run.emit(e.StepDone(name, text, time.monotonic() - began))


def _committed_after_all(run: RollbackContext, error: BaseException) -> bool:
    """End the lease and let the sweep reopen what was closed; True if the commit succeeded."""
    give_up_opening(run)
    run.emit(e.CleanUpBegan(str(error)))
    managed, trouble = run.ports.managed, account(run)
    try:
        if not run.lease.end() and run.lease.committed(run.target.id):
            return True
        _open_first(run)
        result = sweep(Fleet.of(managed, run.put_back()))
        kept = left_shut(managed, run.lease, run.shut, run.live.id)
        left = (*trouble, *left_lines(result), *kept)
        if not left:
            run.thawed(cut_over=False)
    except ToolError as failed:
        shut = run.shut if run.frozen_at is not None else ""
        left = (*trouble, str(failed), *still_shut(run.lease, shut))
    run.emit(e.CleanUpDone({}, len(left)))
    if left:
        raise DirtRemains(
            f"{error}; and not everything could be put back",
            detail="\n".join(left),
            cure=f"To put it back       reconciler sweep --service {managed.name}",
        ) from error
    return False


def _open_first(run: RollbackContext) -> None:
    """Writes first: clients are waiting for them. If it fails, the following sweep retries."""
    if not run.shut:
        return
    try:
        opened = open_again(run.ports.managed, run.lease.ledger, run.shut, run.live.id)
    except ToolError as error:
        run.emit(e.Warned(f"{run.shut} could not be opened at once: {error}"))
        return
    if opened:
        run.thawed(cut_over=False)


def _after(run: RollbackContext) -> e.RolledBack:
    """Apply the new desired state: jobs and writes switch sides, labels follow."""
    managed = run.ports.managed
    began = time.monotonic()
    run.emit(e.StepBegan("follow-up"))
    unfinished = _unfinished(lambda: _follow(run))
    if not unfinished:
        run.thawed(cut_over=True)
    unfinished += _unfinished(lambda: _tell_left(run))
    text = "unfinished" if unfinished else "jobs and writes changed sides"
    run.emit(e.StepDone("follow-up", text, time.monotonic() - began))
    done = _rolled_back(run, unfinished)
    run.emit(done)
    if unfinished:
        raise FollowUpFailed(
            f"{managed.name} is back on {done.release}, but not everything followed",
            detail="\n".join(unfinished),
            cure=f"To finish it         reconciler sweep --service {managed.name}",
        )
    return done


def _unfinished(act: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    """What `act` did not do. A signal after the commit ends it, and undoes nothing (exit 5)."""
    try:
        return act()
    except (ToolError, Interrupted) as error:
        return (str(error),)


def _follow(run: RollbackContext) -> tuple[str, ...]:
    if run.marked is not None:
        run.marked.exception()  # waits for its end, whatever that is
    managed = run.ports.managed
    ask = SweepRequest(managed.retention, run.reading.drain_ttl)
    result = sweep(Fleet.of(managed, ask), follow_up=True)
    return (*left_lines(result), *held_lines(result))


def _tell_left(run: RollbackContext) -> tuple[str, ...]:
    """Report what only the release that was left has, and which names lead to it."""
    count_left_behind(run)
    names = read_names(run.ports.managed)
    left = addresses(run.live, run.seen.machines(run.live.id))
    for name in names.holding(left):
        run.emit(e.Warned(f"{name} leads to {run.live.id}, which takes no writes any more"))
    if names.problem:
        run.emit(e.Warned(f"whether other names lead to it is not known: {names.problem}"))
    return ()


def _rolled_back(run: RollbackContext, unfinished: tuple[str, ...]) -> e.RolledBack:
    drain = run.drain or timedelta(seconds=run.reading.drain_ttl)
    return e.RolledBack(
        service=run.ports.managed.name,
        deploy=str(run.target.id),
        release=run.release(run.target.id),
        was=run.release(run.live.id),
        addresses=run.at,
        seconds=time.monotonic() - run.began,
        rejected=run.rejects,
        lost=run.lost,
        old_answers_until=run.lease.now + drain,
        unfinished=unfinished,
        was_deploy=str(run.live.id),
    )
