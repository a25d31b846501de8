"""`deployer up`: releases a service by cloning its live machine.

The steps run in order, each under a lease that was ours a moment ago. Any failure before the
commit is undone by one mechanism (`deployer.release.undo`); past the commit nothing of
the new deploy is deleted by this code path (rule 5).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from deployer import events as e
from deployer.ports import Ports
from deployer.provisioning.code_archive import CodeArchive, packed
from deployer.provisioning.release_cost import kept_costs
from deployer.release.context import ReleaseContext, ReleaseInputs, ReleaseOptions, StartingPoint
from deployer.release.lease_holder import LeaseHolder
from deployer.release.lease_terms import terms_of
from deployer.release.live.bake import bake
from deployer.release.steps.code import code
from deployer.release.steps.commit import commit
from deployer.release.steps.connect import connect
from deployer.release.steps.database import database
from deployer.release.steps.follow_up import follow_up
from deployer.release.steps.guard import guard
from deployer.release.steps.image import image
from deployer.release.steps.launch import launch
from deployer.release.steps.migrate import migrate
from deployer.release.steps.smoke import smoke
from deployer.release.steps.start import start
from deployer.release.traffic_switch import health, traffic
from deployer.release.undo import Undone, close_sessions, settled, undo
from reconciler.config.loader import refuse_unbuilt
from reconciler.errors import BakeFailed, CommandTimedOut, DirtRemains, FollowUpFailed, ToolError
from reconciler.model.ledger import Ledger
from reconciler.model.ledger_home import settle
from reconciler.plan.record_drift import machines_of
from reconciler.traffic.release_addresses import without_addresses
from reconciler.util import humanize
from reconciler.util.signals import Interrupted


@dataclass(frozen=True)
class Step:
    """One step: its name in the ledger and on the terminal, and its function."""

    name: str
    run: Callable[[ReleaseContext], str]


STEPS: tuple[Step, ...] = (
    Step("image", image),
    Step("launch", launch),
    Step("connect", connect),
    Step("code", code),
    Step("database", database),
    Step("migrate", migrate),
    Step("start", start),
    Step("smoke", smoke),
    Step("commit", commit),
)
"""The steps under the lease. Guard and lease come before, the follow-up after."""

TRAFFIC = {"database": Step("traffic", traffic), "commit": Step("health", health)}
"""Where traffic follows the ledger: further steps, by the name of the one that they precede."""


def steps_of(run: ReleaseContext) -> tuple[Step, ...]:
    """The steps of this release."""
    if run.ports.managed.traffic.in_batch:
        return STEPS
    pairs = ((TRAFFIC.get(step.name), step) for step in STEPS)
    return tuple(step for pair in pairs for step in pair if step is not None)


def up(ports: Ports, options: ReleaseOptions, emit: e.Listener = e.ignore) -> e.Released:
    """Release the service. Returns the summary to show when it is live.

    Raises Refused, ConfigError and AccessDenied with nothing changed; ToolError of any kind after a
    clean undo; DirtRemains where something was left; FollowUpFailed past the commit, BakeFailed
    after it; a signal's Interrupted after a clean undo.
    """
    refuse_unbuilt(ports.service)
    with packed(ports.service.code.source, options.ref) as archive:
        began = time.monotonic()
        run = started(ReleaseInputs(ports, options, emit), archive)
        try:
            do(run.emit, "lease", partial(take, run))
            for step in steps_of(run):
                run.held.begin(step.name)
                do(run.emit, step.name, partial(in_time, step, run))
        except BaseException as error:
            failed = error
            if not settled(lambda: committed_after_all(run, failed)):
                raise
        return _after_commit(run, began)


def started(inputs: ReleaseInputs, code: CodeArchive) -> ReleaseContext:
    """The release, or the rehearsal of one, once its guard has passed."""
    found: list[StartingPoint] = []

    def guarded() -> str:
        found.append(guard(inputs))
        return found[0].text

    do(inputs.emit, "guard", guarded)
    (start,) = found
    service = inputs.ports.service
    behind = not inputs.ports.managed.traffic.in_batch
    steps: tuple[str, ...] = e.STEPS_WITH_TRAFFIC if behind else e.STEPS
    steps = e.REHEARSAL_STEPS if inputs.options.rehearsal else steps
    inputs.emit(e.ReleaseBegan(service.name, str(start.deploy), code.release, start.was, steps))
    for warning in warnings(inputs, code, start.was):
        inputs.emit(e.Warned(warning))
    ledgers, terms = inputs.ports.managed.ledgers, terms_of(service.lease)
    held = LeaseHolder(ledgers, start.reading, start.deploy, terms)
    return ReleaseContext(inputs.ports, inputs.options, inputs.emit, code, start, held)


def warnings(inputs: ReleaseInputs, code: CodeArchive, was: str) -> Iterator[str]:
    """What nobody may take for granted; none of it stops a release."""
    service = inputs.ports.service
    if code.uncommitted:
        files = humanize.count(code.uncommitted, "changed file")
        yield f"{code.release} is released without the {files} of {service.code.source}"
    if was == code.release:
        yield f"{code.release} is live already: this releases it again, on new machines"
    count, jobs = service.instance.count, service.app.jobs
    if count > 1 and jobs and service.app.jobs_on == "each":
        yield (
            f"the jobs {', '.join(jobs)} will run on each of the {count} machines (for one machine "
            'alone: jobs_on = "first" below [app])'
        )


def take(run: ReleaseContext) -> str:
    """The ledger names this deploy before anything is created (rule 1).

    The guard has checked that the record is as the ledger wrote it, and that no other ledger has
    it: so a ledger of an older version may get its home now (rule 12).
    """

    def complete(old: Ledger) -> Ledger:
        home = settle(old, run.start.reading.address)
        return without_addresses(home, machines_of(run.start.service_plan.verdicts))

    run.held.acquire(complete)
    return "taken; renewed while this runs"


def do(emit: e.Listener, name: str, step: Callable[[], str]) -> None:
    """Run a step, and report its beginning and its end."""
    began = time.monotonic()
    emit(e.StepBegan(name))
    try:
        text = step()
    except ToolError as error:
        emit(e.StepFailed(name, error.message, error.detail))
        raise
    emit(e.StepDone(name, text, time.monotonic() - began))


def in_time(step: Step, run: ReleaseContext) -> str:
    """Run the step. A command that the end of the freeze has cut short is not its own fault."""
    try:
        return step.run(run)
    except CommandTimedOut as error:
        freeze = run.database.freeze
        if freeze is None or freeze.left() > 0:
            raise
        over = run.freeze_over()
        over.detail = f"{error.message}\n{error.detail}".strip()
        raise over from error


def committed_after_all(run: ReleaseContext, error: BaseException) -> bool:
    """Undo; True if the ledger says that the commit was made, although its answer was lost."""
    done = undo(run, str(error))
    if done.committed:
        run.emit(e.Warned(f"the commit was made; only its answer was lost ({error})"))
        return True
    _tell_evidence(run, error, done)
    if done.left:
        raise dirt_remains(run, error, done) from error
    return False


def _tell_evidence(run: ReleaseContext, error: BaseException, done: Undone) -> None:
    """Report where the evidence is, or how to keep it next time."""
    service = run.ports.service.name
    if done.kept:
        where = ", ".join(machine.address for machine in run.created.machines) or "no machine yet"
        run.emit(e.Warned(f"{run.deploy} is kept as evidence: {where}; see deployer status"))
    elif isinstance(error, ToolError) and not error.cure:
        error.cure = f"To keep the evidence next time   deployer up {service} --keep-failed 1h"


def dirt_remains(run: ReleaseContext, error: BaseException, done: Undone) -> DirtRemains:
    """The error that lists what remains, and the command that finishes the clean-up."""
    service = run.ports.service.name
    return DirtRemains(
        f"{error}; and not everything could be cleaned up",
        detail="\n".join(done.left),
        cure=f"To clean up          reconciler sweep --service {service}",
    )


def _after_commit(run: ReleaseContext, began: float) -> e.Released:
    """From here on nothing of the new deploy is deleted, whatever fails."""
    run.thawed(cut_over=True)
    try:
        do(run.emit, "follow-up", partial(follow_up, run))
    except Interrupted as signal:
        run.unfinished.append(str(signal))
    done = released(run, time.monotonic() - began)
    run.emit(done)
    if run.ports.service.bake and not run.unfinished:
        do(run.emit, "bake", partial(_baked, run))
    close_sessions(run)
    if run.unfinished:
        raise FollowUpFailed(
            f"{run.ports.service.name} is live on {run.release}, but not everything followed",
            detail="\n".join(run.unfinished),
            cure=f"To finish it         reconciler sweep --service {run.ports.service.name}",
        )
    return done


def _baked(run: ReleaseContext) -> str:
    try:
        return bake(run)
    except BakeFailed:
        close_sessions(run)
        raise


def released(run: ReleaseContext, seconds: float) -> e.Released:
    """The summary once the release is live."""
    drain = run.created.drain or timedelta(seconds=run.start.reading.drain_ttl)
    kept, parked = kept_costs(run.ports.service, run.created.kept, run.ports.prices)
    return e.Released(
        service=run.ports.service.name,
        deploy=str(run.deploy),
        release=run.release,
        was=run.start.was,
        addresses=run.addresses,
        seconds=seconds,
        old_answers_until=run.held.now + drain if run.start.was else None,
        frozen_seconds=run.database.frozen_seconds,
        # Report jobs as started here only if that was confirmed.
        jobs=() if run.unfinished else run.ports.service.app.jobs,
        schema=run.database.schema,
        kept_per_hour=kept,
        parked_per_hour=parked,
        unfinished=tuple(run.unfinished),
        per_hour=run.created.per_hour,
    )
