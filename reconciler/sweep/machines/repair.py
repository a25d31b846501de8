"""Drives one rooted deploy to its row of the table: database, machines, label last.

Idempotent: the next run finishes a commit (rule 7). Every reversible act carries the generation
that justified it; a resource that has obeyed a newer generation refuses, and then a newer run is at
work and this one must stop (rule 10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.errors import NotTried, ToolError
from reconciler.gc.desired_state import DESIRED, Desired
from reconciler.gc.verdict import Role
from reconciler.machine import unit_control
from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.unit_control import Act, Jobs
from reconciler.machine.unit_state import digest
from reconciler.model.coverage import ReadStatus
from reconciler.model.deploy_id import DeployId
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import DATABASE, INSTANCE, MAKING, Resource
from reconciler.model.tags import UNITS, Label
from reconciler.plan.deviation import first_machine
from reconciler.plan.service_plan import OPEN, SHUT
from reconciler.plan.standby import Standby, is_parked, reached, units_tag
from reconciler.ports.service import ManagedService
from reconciler.util.concurrency import side_by_side


@dataclass(frozen=True)
class Finish:
    """A deploy to finish: its role, the generation that says so, and its resources.

    `was` are the former addresses of the ledger. `jobs_wait_for` are machines that may still run
    the jobs that this deploy must begin: then its own jobs are left as they are. `unmarked` is why
    `mark` failed: then no machine is told anything.
    """

    deploy: DeployId
    role: Role
    generation: int
    was: tuple[str, ...]
    resources: tuple[Resource, ...]
    jobs_wait_for: tuple[str, ...] = ()
    unmarked: str = ""

    def of(self, kind: str) -> list[Resource]:
        """Its resources of one kind."""
        return [resource for resource in self.resources if resource.kind == kind]


def finish(managed: ManagedService, work: Finish) -> tuple[Outcome, ...]:
    """Drive the deploy's resources to the table; its label comes last (`label`).

    A deploy that is no longer live closes its database before its jobs stop; a live deploy opens
    its database, then runs. An unreachable resource raises nothing: the outcome reports it.
    """
    desired = DESIRED[work.role]
    outcomes = [_database(managed, work, one, desired) for one in work.of(DATABASE)]
    return (*outcomes, *_machines(managed, work, desired))


def is_finished(work: Finish, outcomes: Sequence[Outcome]) -> bool:
    """Whether the deploy may be labelled: nothing is, if an act failed.

    A kept failed deploy never had a job to stop, and is often kept because it does not answer. It
    is labelled anyway, or it would block every release.
    """
    return work.role is Role.KEPT or all(one.status is OutcomeStatus.DONE for one in outcomes)


def mark(managed: ManagedService, works: Sequence[Finish]) -> str:
    """Label what goes live again `pending`, before anybody's jobs begin or end; '' or why not.

    If it is left again before it is finished, the label alone shows that jobs changed sides: under
    `retired` its own would run on, and those of the deploy that is live then would run nowhere.
    Late it is harmless: what it marks is finished again.
    """
    instances = (one for work in works if work.role is Role.LIVE for one in work.of(INSTANCE))
    marked = [one for one in instances if one.label is Label.RETIRED]
    try:
        outcomes = managed.heap.label(marked, Label.PENDING) if marked else ()
    except ToolError as error:
        return error.message
    return next((one.text for one in outcomes if one.status is not OutcomeStatus.DONE), "")


def _database(
    managed: ManagedService, work: Finish, resource: Resource, desired: Desired
) -> Outcome:
    if desired.writable is None or resource.state == MAKING:
        return Outcome(resource, OutcomeStatus.DONE, "kept unchanged")
    assert resource.deploy is not None  # for the type checker: `mark` has judged it
    act = managed.fenced_act(work.generation, resource.deploy, work.was)
    try:
        server = managed.reach.databases()
        if desired.writable:
            server.thaw(resource.name, act)
        else:
            server.shut(resource.name, act, managed.app_roles, managed.max_wait)
    except ToolError as error:
        return Outcome(resource, OutcomeStatus.FAILED, error.message)
    return Outcome(
        resource, OutcomeStatus.DONE, "takes writes" if desired.writable else "shut for writes"
    )


def _machines(managed: ManagedService, work: Finish, desired: Desired) -> list[Outcome]:
    gate = managed.gate
    if gate is None or desired.app is None:
        return []
    # Not only running ones: a stopped machine did not receive the order, and does what it was last
    # ordered once somebody starts it. It is not finished, and must not be labelled so.
    machines = work.of(INSTANCE)
    if work.unmarked:
        why = f"told nothing: what goes live again could not be labelled: {work.unmarked}"
        return [Outcome(one, OutcomeStatus.FAILED, why) for one in machines]
    act = Act(
        work.generation,
        str(work.deploy),
        app="run" if desired.app and not _is_drained(work) else "stop",
        jobs=_jobs(work, gate, desired),
        lacks=work.role is not Role.LIVE,
    )
    rest = replace(act, jobs="stop") if gate.first_only else act
    first = first_machine(machines)
    found = side_by_side(
        machines,
        lambda one: _machine(managed, gate, one, act if one.id == first else rest),
    )
    return [_waiting(one, work, managed.name) for one in found] if act.jobs == "keep" else found


def _is_drained(work: Finish) -> bool:
    """Whether its app was stopped after the drain: another set of units does not start it again."""
    told = [machine.tags.get(UNITS, "") for machine in work.of(INSTANCE)]
    drained = bool(told) and all(reached(value) is not Standby.SERVING for value in told)
    return work.role is Role.PREVIOUS and drained


def _jobs(work: Finish, gate: ActivationGate, desired: Desired) -> Jobs:
    if not desired.jobs:
        return "stop"
    return "keep" if work.jobs_wait_for and gate.jobs else "run"


def _waiting(outcome: Outcome, work: Finish, service: str) -> Outcome:
    """The live deploy is not finished while another machine may run its jobs (rule 18)."""
    if outcome.status is not OutcomeStatus.DONE:
        return outcome
    others = ", ".join(work.jobs_wait_for)
    despite = " ".join(f"--jobs-despite {one}" for one in work.jobs_wait_for)
    return replace(
        outcome,
        status=OutcomeStatus.BLOCKED,
        text=f"app: run; no job is begun, {others} may still run them: it was not told to stop, "
        "and EC2 does not say that it is stopped. Stop it, or, if it runs none: "
        f"reconciler sweep --service {service} {despite}",
    )


def _machine(
    managed: ManagedService, gate: ActivationGate, resource: Resource, act: Act
) -> Outcome:
    if is_parked(resource) and "run" not in (act.app, act.jobs):
        return Outcome(resource, OutcomeStatus.DONE, "parked: it runs nothing")
    if resource.state not in ("running", "pending"):
        said = f"it is {resource.state} and has not been told: app {act.app}, jobs {act.jobs}"
        return Outcome(
            resource, OutcomeStatus.BLOCKED, f"{said}; start it, or terminate it", ReadStatus.FAILED
        )
    try:
        shell = managed.reach.shell(resource)
        try:
            unit_control.obey(shell, gate, act)
        finally:
            shell.close()
    except NotTried as error:
        return Outcome(resource, OutcomeStatus.BLOCKED, error.message, ReadStatus.SKIPPED)
    except ToolError as error:
        return Outcome(resource, OutcomeStatus.FAILED, _why(error), ReadStatus.FAILED)
    return Outcome(
        resource, OutcomeStatus.DONE, f"app: {act.app}, jobs: {act.jobs}", ReadStatus.READ
    )


def _why(error: ToolError) -> str:
    """What failed and why: `ended with 1` alone does not say which unit."""
    first = next(
        (line.strip().rstrip(":") for line in error.detail.splitlines() if line.strip()), ""
    )
    return f"{error.message}: {first}" if first else error.message


def label(managed: ManagedService, works: Sequence[Finish]) -> Sequence[Outcome]:
    """Write the labels, unless the ledger has changed during the wait for the machines.

    A label has no fence: on a deploy that was forgotten meanwhile it would make the deploy lost.
    One look at the ledger, after all of them have obeyed, is enough for all.
    """
    due = [one for work in works for one in _due(managed, work)]
    try:
        gen = managed.ledgers.read(managed.address).ledger.gen if due else 0
    except ToolError as error:
        return [
            failed for one in due for failed in one.outcomes(OutcomeStatus.FAILED, error.message)
        ]
    return [outcome for one in due for outcome in _written(managed, one, gen)]


@dataclass(frozen=True)
class _Labelling:
    """The resources of one deploy that get a label, if the generation is still this one."""

    resources: tuple[Resource, ...]
    label: Label
    units: str
    generation: int

    def outcomes(self, status: OutcomeStatus, text: str) -> list[Outcome]:
        return [Outcome(one, status, text) for one in self.resources]


def _due(managed: ManagedService, work: Finish) -> list[_Labelling]:
    """One for each set of units that its machines have obeyed."""
    desired = DESIRED[work.role]
    stage = Standby.DRAINED if _is_drained(work) else Standby.SERVING
    alone = bool(managed.gate and managed.gate.first_only) and work.role is Role.LIVE
    first = first_machine(work.of(INSTANCE)) if alone else ""
    found: dict[str, list[Resource]] = {}
    for one in work.resources:
        beside = alone and one.kind == INSTANCE and one.id != first
        units = units_tag(digest(managed.gate, beside=beside), stage)
        if one.kind != DATABASE and _is_due(one, desired, units):
            found.setdefault(units, []).append(one)
    return [
        _Labelling(tuple(due), desired.label, units, work.generation)
        for units, due in found.items()
    ]


def _written(managed: ManagedService, due: _Labelling, gen: int) -> Sequence[Outcome]:
    if gen != due.generation:
        said = "not labelled: the ledger has changed, the next sweep decides again"
        return due.outcomes(OutcomeStatus.BLOCKED, said)
    try:
        return managed.heap.label(due.resources, due.label, due.units)
    except ToolError as error:
        return due.outcomes(OutcomeStatus.FAILED, error.message)


def _is_due(resource: Resource, desired: Desired, units: str) -> bool:
    parked = is_parked(resource) and desired.label is Label.RETIRED
    told = resource.kind != INSTANCE or parked or resource.tags.get(UNITS, "") == units
    return resource.label is not desired.label or not told


def takes_writes(outcome: Outcome) -> bool:
    """Whether this is a database that should be closed but still takes writes."""
    resource = outcome.resource
    return (
        resource.kind == DATABASE
        and resource.state == OPEN
        and outcome.status is not OutcomeStatus.DONE
    )


def unopened(work: Finish) -> Finish:
    """Without the databases that would be opened: two must never take writes at once."""
    shut = [
        resource
        for resource in work.resources
        if resource.kind == DATABASE and resource.state == SHUT
    ]
    return replace(
        work, resources=tuple(resource for resource in work.resources if resource not in shut)
    )
