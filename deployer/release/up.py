"""`deployer up`: releases a service by cloning its live machine.

The steps run in order; each begins with a renewal of the lease that writes its name. Any failure
before the commit is undone by one mechanism (`deployer.release.undo`); past the commit nothing of
the new deploy is deleted by this code path (rule 5).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from deployer import events as e
from deployer.ports import Ports
from deployer.provisioning.code_archive import packed
from deployer.release.context import ReleaseContext, ReleaseOptions
from deployer.release.steps.code import code
from deployer.release.steps.commit import commit
from deployer.release.steps.connect import connect
from deployer.release.steps.database import database
from deployer.release.steps.follow_up import follow_up
from deployer.release.steps.guard import guard
from deployer.release.steps.image import image
from deployer.release.steps.launch import launch
from deployer.release.steps.lease import take
from deployer.release.steps.migrate import migrate
from deployer.release.steps.smoke import smoke
from deployer.release.steps.start import start
from deployer.release.undo import Undone, close_sessions, settled, undo
from reconciler.config.loader import refuse_unbuilt
from reconciler.cost import estimate
from reconciler.errors import DirtRemains, FollowUpFailed, ToolError
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


def up(ports: Ports, options: ReleaseOptions, emit: e.Listener = e.ignore) -> e.Released:
    """Release the service. Returns the summary to show when it is live.

    Raises Refused, ConfigError and AccessDenied with nothing changed; ToolError of any kind after a
    clean undo; DirtRemains where something was left; FollowUpFailed past the commit; a signal's
    Interrupted after a clean undo.
    """
    refuse_unbuilt(ports.service)
    with packed(ports.service.code.source, options.ref) as archive:
        return _release(ReleaseContext(ports, options, emit, code=archive, release=archive.release))


def _release(run: ReleaseContext) -> e.Released:
    try:
        _prepare(run)
        for step in STEPS:
            run.held.renew(step.name)
            _do(run, step)
    except BaseException as error:
        failed = error
        if run.lease is None or not settled(lambda: _committed_after_all(run, failed)):
            raise
    return _after_commit(run)


def _prepare(run: ReleaseContext) -> None:
    _do(run, Step("guard", guard))
    service = run.ports.service.name
    run.emit(e.ReleaseBegan(service, str(run.deploy), run.release, run.was))
    _do(run, Step("lease", take))


def _do(run: ReleaseContext, step: Step) -> None:
    began = time.monotonic()
    run.emit(e.StepBegan(step.name))
    try:
        text = step.run(run)
    except ToolError as error:
        run.emit(e.StepFailed(step.name, error.message, error.detail))
        raise
    run.emit(e.StepDone(step.name, text, time.monotonic() - began))


def _committed_after_all(run: ReleaseContext, error: BaseException) -> bool:
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
        where = ", ".join(one.address for one in run.machines) or "no machine yet"
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


def _after_commit(run: ReleaseContext) -> e.Released:
    """From here on nothing of the new deploy is deleted, whatever fails."""
    run.thawed(cut_over=True)
    try:
        _do(run, Step("follow-up", follow_up))
    except Interrupted as signal:
        run.unfinished.append(str(signal))
    close_sessions(run)
    done = released(run)
    run.emit(done)
    if run.unfinished:
        raise FollowUpFailed(
            f"{run.ports.service.name} is live on {run.release}, but not everything followed",
            detail="\n".join(run.unfinished),
            cure=f"To finish it         reconciler sweep --service {run.ports.service.name}",
        )
    return done


def _kept_per_hour(run: ReleaseContext) -> float | None:
    """$/h of the release that is kept for rollback; None where a price is not known."""
    service_plan = run.service_plan
    live = service_plan.root.ledger.live if service_plan else None
    if service_plan is None or live is None:
        return None
    resources = [one.resource for one in service_plan.verdicts if one.resource.deploy == live.id]
    now, prices = service_plan.root.now, run.ports.prices
    cost = estimate.add(estimate.of(one, now, prices) for one in resources)
    return cost.hourly if resources and not cost.unknown else None


def released(run: ReleaseContext) -> e.Released:
    """The summary once the release is live."""
    return e.Released(
        service=run.ports.service.name,
        deploy=str(run.deploy),
        release=run.release,
        was=run.was,
        addresses=run.at,
        seconds=time.monotonic() - run.began,
        old_answers_until=run.held.now + timedelta(seconds=run.old_ttl) if run.was else None,
        frozen_seconds=run.frozen_seconds,
        # Report jobs as started here only if that was confirmed.
        jobs=() if run.unfinished else run.ports.service.app.jobs,
        schema=run.schema,
        kept_per_hour=_kept_per_hour(run),
        unfinished=tuple(run.unfinished),
    )
