"""The answers of the deployer's commands with --json: their names, versions and fields.

Of those that only read. As in `reconciler.output.answers`. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from reconciler.output.ledger_answer import LeaseAnswer


class AtWorkAnswer(TypedDict):
    """Who holds the lease, and whether its process shows life."""

    id: str
    by: str
    release: str
    step: str
    seen: str
    alive: bool


class MachineAnswer(TypedDict):
    """A machine of a deploy; `rest`: drained or parked, '' if neither."""

    id: str
    state: str
    rest: str
    addresses: list[str]


class DeployAnswer(TypedDict):
    """One deploy that the ledger or the tags name."""

    id: str
    release: str
    by: str
    state: str
    since: str
    went_live: str | None
    at: list[str]
    machines: list[MachineAnswer]
    database: str
    database_state: str


class ConditionAnswer(TypedDict):
    """Whether it takes writes and answers, and who is at work; null: not known."""

    impaired: bool
    takes_writes: bool | None
    writes_refused_since: str | None
    answers: bool | None
    answer: str
    at_work: AtWorkAnswer | None


class ServiceAnswer(ConditionAnswer):
    """The state of one service. `problem` is set where it is unknown."""

    service: str
    problem: str
    clean: bool
    record: str
    pointed_at: list[str]
    traffic: list[str]
    ttl: int | None
    generation: int
    lease: LeaseAnswer | None
    deploys: list[DeployAnswer]
    dirt: list[str]
    last_sweep: str | None
    notes: list[str]
    let_go: list[str]


class StatusAnswer(TypedDict):
    """`deployer status`: each service."""

    services: list[ServiceAnswer]


class EventAnswer(TypedDict):
    """Something that happened to a service."""

    at: str
    word: str
    what: str
    by: str
    deploy: str
    lines: list[str]


class EventsAnswer(TypedDict):
    """The events, newest first, and whether a journal was read."""

    events: list[EventAnswer]
    journal: bool
    journal_problems: list[str]


class HistoryAnswer(ServiceAnswer, EventsAnswer):
    """`deployer history`: the events of a service, beside its state."""


class StepAnswer(TypedDict):
    """A step of a release, and what it would do."""

    step: str
    text: str


class InferredAnswer(TypedDict):
    """A value that was inferred, and where it comes from."""

    name: str
    value: str
    origin: str


class RefusalAnswer(TypedDict):
    """Why it would be refused, and what helps."""

    message: str
    detail: str
    cure: str


class ReleasePlanAnswer(TypedDict):
    """`deployer plan`: what `up` would do."""

    service: str
    deploy: str
    was: str
    steps: list[StepAnswer]
    values: list[InferredAnswer]
    dirt: list[str]
    notes: list[str]
    code: list[str]
    costs: list[str]
    times: list[str]
    refusal: RefusalAnswer | None


class CheckAnswer(TypedDict):
    """One check: ok, warn, fail or skipped; `code` is the exit code of its cause."""

    service: str
    check: str
    status: str
    ok: bool
    text: str
    cure: str
    detail: str
    code: int


class DoctorAnswer(TypedDict):
    """`deployer doctor`: every check, and the services that may be released."""

    ok: bool
    ready: list[str]
    checks: list[CheckAnswer]


class InitAnswer(TypedDict):
    """`deployer init`: the file that was written, and what it was found out from."""

    service: str
    path: str
    record: str
    account: str
    region: str
    machine: str


class LogsAnswer(TypedDict):
    """`deployer logs`: how a release ended, and what it had printed."""

    id: str
    outcome: str
    why: str
    detail: str
    lines: list[str]


class SandboxAnswer(TypedDict):
    """`deployer sandbox status`: what runs in it."""

    directory: str
    pid: int
    phase: str
    endpoint: str
    network: str
    dns: str
    base_image: str
    instances: list[dict[str, Any]]
    records: list[dict[str, Any]]
    balancers: list[dict[str, Any]]
    databases: list[str]
    database_host: str


ANSWERS: Mapping[str, type] = {
    "deployer.status/1": StatusAnswer,
    "deployer.history/1": HistoryAnswer,
    "deployer.plan/1": ReleasePlanAnswer,
    "deployer.doctor/1": DoctorAnswer,
    "deployer.init/1": InitAnswer,
    "deployer.logs/1": LogsAnswer,
    "deployer.sandbox-status/1": SandboxAnswer,
}
"""The value of `schema` in each answer, and its fields; more in `command_answers`."""
