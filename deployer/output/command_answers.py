"""The answers with --json of the commands that change a service.

As in `reconciler.output.answers`. `up` and `rollback` answer with their events, and no more. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from reconciler.output.answers import SweepAnswer
from reconciler.output.ledger_answer import LedgerAnswer


class AdoptAnswer(TypedDict):
    """`deployer adopt`: the machine that is under a ledger now."""

    service: str
    deploy: str
    instance: str
    addresses: list[str]
    already: bool


class RehearsalAnswer(TypedDict):
    """`deployer rehearse`: seconds by step; `freeze_seconds`: null if no write would be refused."""

    service: str
    deploy: str
    release: str
    was: str
    steps: dict[str, float]
    freeze_seconds: float | None
    migrations: str
    notes: list[str]
    kept: bool


class ThawAnswer(TypedDict):
    """`deployer thaw`: the database that takes writes again."""

    service: str
    database: str


class PauseAnswer(TypedDict):
    """`deployer pause`: its id and end; `untold`: why the reason could not be written, or ''."""

    service: str
    pause: str
    until: str
    untold: str


class ResumeAnswer(TypedDict):
    """`deployer resume`: the pause that was ended."""

    service: str
    pause: str


class MoveAnswer(TypedDict):
    """`deployer move`: where record and ledger are now."""

    service: str
    record: str
    ledger: str
    generation: int


class RouteAnswer(TypedDict):
    """A listener, a rule or an Elastic IP: weight by target group or machine."""

    arn: str
    odd: str
    groups: dict[str, int]


class TrafficAnswer(TypedDict):
    """`deployer traffic`: what leads to the service, and whether it follows the ledger."""

    service: str
    live: str | None
    routes: list[RouteAnswer]
    follows: bool


class LeaveAnswer(TypedDict):
    """`deployer leave`: what is nobody's now, and until when older releases are kept."""

    service: str
    left: str
    generation: int
    resources: list[str]
    kept: list[str]
    until: str | None
    checked: str


class LetGoAnswer(TypedDict):
    """`deployer retire ID`: the machine that is nobody's now."""

    deploy: str
    instance: str


class RecoverAnswer(TypedDict):
    """`deployer recover`: the ledger that stood there, and the one that was written."""

    service: str
    old: LedgerAnswer
    new: LedgerAnswer
    found: list[str]
    doubts: list[str]
    ends_lease: str | None
    garbage: list[str]


class BesideAnswer(TypedDict):
    """Another database that claims to be the same."""

    database: str
    doubt: str


class RecoverDatabaseAnswer(TypedDict):
    """`deployer recover --database`: whose the database is now."""

    service: str
    database: str
    oid: int
    deploy: str
    role: str
    state: str
    doubt: str
    beside: list[BesideAnswer]
    disowned: list[str]


ANSWERS: Mapping[str, type] = {
    "deployer.adopt/1": AdoptAnswer,
    "deployer.rehearse/1": RehearsalAnswer,
    "deployer.abort/1": SweepAnswer,
    "deployer.thaw/1": ThawAnswer,
    "deployer.pause/1": PauseAnswer,
    "deployer.resume/1": ResumeAnswer,
    "deployer.move/1": MoveAnswer,
    "deployer.traffic/1": TrafficAnswer,
    "deployer.leave/1": LeaveAnswer,
    "deployer.retire/1": SweepAnswer,
    "deployer.retire-deploy/1": LetGoAnswer,
    "deployer.recover/1": RecoverAnswer,
    "deployer.recover-database/1": RecoverDatabaseAnswer,
}
"""The value of `schema` in each answer, and its fields."""
