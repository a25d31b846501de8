"""`deployer rehearse`: the whole release except freeze and cutover, then undone.

It holds the lease, since nothing exists that no ledger roots (rule 1), under a word by which a
release knows it and ends it. Live is not shut: its copy is a consistent snapshot that lacks what is
written from then on, and the new machines never get traffic. `Undo` is that of a release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from deployer import events as e
from deployer.checks.database_access import live_database
from deployer.ports import Ports
from deployer.provisioning.code_archive import packed
from deployer.release.context import REHEARSAL, ReleaseContext, ReleaseInputs, ReleaseOptions
from deployer.release.steps.database import schema_alone
from deployer.release.undo import settled, undo
from deployer.release.up import STEPS, committed_after_all, dirt_remains, do, in_time, started, take
from reconciler.config.loader import refuse_unbuilt
from reconciler.errors import ConfigError, Refused, ToolError
from reconciler.gc.verdict import Role
from reconciler.machine.shell import read_from
from reconciler.model.resource import INSTANCE

FROZEN = ("migrate", "start", "smoke")
"""The steps that a release takes while live is shut, beside the copy of the rows."""


@dataclass(frozen=True)
class RehearsalOptions:
    """The user's options. `keep`: how long what was made stays to be looked at."""

    ref: str = "HEAD"
    schema_only: bool = False
    keep: timedelta | None = None
    despite: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rehearsal:
    """The result: seconds by step, and for how long a release would refuse writes.

    `schema` is the last line of the migrations, `notes` what the steps had to say. `frozen` is None
    where nothing would be frozen, or no row was copied.
    """

    service: str
    deploy: str
    release: str
    was: str
    seconds: Mapping[str, float]
    frozen: float | None = None
    schema: str = ""
    notes: tuple[str, ...] = ()
    kept: bool = False


@dataclass
class _Heard:
    """Collects what the steps report, on its way to the display."""

    emit: e.Listener
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __call__(self, event: e.Event) -> None:
        if isinstance(event, e.StepDone):
            self.seconds[event.step] = event.seconds
        elif isinstance(event, e.Warned) or (
            isinstance(event, e.StepNote) and event.step in ("guard", "database")
        ):
            self.notes.append(event.text)
        self.emit(event)


def rehearse(ports: Ports, options: RehearsalOptions, emit: e.Listener = e.ignore) -> Rehearsal:
    """Rehearse a release. Raises what `up` raises before its commit, after the same clean-up."""
    refuse_unbuilt(ports.service)
    _refuse_shared(ports)
    heard = _Heard(emit)
    said = ReleaseOptions(
        options.ref, despite=options.despite, keep_failed=options.keep, rehearsal=True
    )
    with packed(ports.service.code.source, options.ref) as archive:
        run = started(ReleaseInputs(ports, said, heard), archive)
        try:
            do(run.emit, "lease", partial(take, run))
            run.held.renew(REHEARSAL)
            if options.schema_only:
                do(run.emit, "database", partial(_schema_alone, run))
            else:
                _all_steps(run)
        except BaseException as error:
            failed = error
            settled(lambda: committed_after_all(run, failed))
            raise
        _undone(run)
    return _result(run, heard)


def _refuse_shared(ports: Ports) -> None:
    database = ports.service.database
    if database is not None and database.copy_ == "never":
        raise ConfigError(
            f'{ports.service.name} has database.copy = "never": its migrations change the database '
            "that live uses, and cannot be rehearsed there",
            cure=f"To see what a release would do   deployer plan {ports.service.name}",
        )


def _all_steps(run: ReleaseContext) -> None:
    for step in STEPS:
        if step.name not in e.REHEARSAL_STEPS:
            continue
        run.held.begin(REHEARSAL)
        do(run.emit, step.name, partial(in_time, step, run))


def _schema_alone(run: ReleaseContext) -> str:
    """On a machine of live: none is made for it."""
    ledger, reach = run.start.reading.ledger, run.ports.managed.reach
    machine = next(
        (
            verdict.resource
            for verdict in run.start.service_plan.verdicts
            if verdict.resource.kind == INSTANCE and verdict.reason is Role.LIVE
            if verdict.resource.state == "running"
        ),
        None,
    )
    if machine is None or run.ports.service.database is None:
        raise Refused(
            f"{run.deploy.service} has no live machine with a database to rehearse with",
            cure=f"deployer rehearse {run.deploy.service}",
        )
    source = live_database(run.ports, ledger)
    return read_from(lambda: reach.shell(machine), lambda shell: schema_alone(run, shell, source))


def _undone(run: ReleaseContext) -> None:
    """End the lease and sweep, or keep; what is left is an error, as after a release."""

    def settle() -> bool:
        done = undo(run, "the rehearsal is over")
        if done.left:
            raise dirt_remains(run, ToolError("the rehearsal went well"), done)
        return False

    settled(settle)


def _result(run: ReleaseContext, heard: _Heard) -> Rehearsal:
    copied, config = run.database.frozen_seconds, run.ports.service.database
    freezes = copied is not None and config is not None and config.writes == "freeze"
    rest = sum(heard.seconds.get(step, 0.0) for step in FROZEN)
    return Rehearsal(
        service=run.deploy.service,
        deploy=str(run.deploy),
        release=run.release,
        was=run.start.was,
        seconds=dict(heard.seconds),
        frozen=copied + rest if freezes and copied is not None else None,
        schema=run.database.schema,
        notes=tuple(dict.fromkeys(heard.notes)),
        kept=run.options.keep_failed is not None,
    )
