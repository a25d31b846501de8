"""The answers of the reconciler's commands with --json: their names, versions and fields.

`docs/schemas` is made from these types (`scripts/answer_schemas.py`). Within a version fields are
added, and none changes its meaning or is removed. `null` is what is not known. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, TypedDict

from reconciler.output.ledger_answer import LedgerAnswer
from reconciler.output.price_answers import PricesAnswer, StraysAnswer


class VerdictAnswer(TypedDict):
    """A resource, and why a sweep keeps or collects it. `hourly`: $; null if not known."""

    kind: str
    id: str
    place: str
    deploy: str | None
    label: str
    state: str
    verdict: str
    reason: str
    text: str
    hourly: float | None


class ForeignAnswer(TypedDict):
    """Resources that are not ours, by service and ledger, with the reason."""

    service: str
    ledger: str
    why: str
    kinds: dict[str, int]
    places: list[str]
    hourly: float | None
    unknown_prices: int


class ReadAnswer(TypedDict):
    """What was read of one kind in one account and region."""

    account: str
    region: str
    kind: str
    status: str
    pages: int
    calls: int
    note: str


class ScopeAnswer(TypedDict):
    """What was read, and what of it is other people's."""

    not_ours: list[ForeignAnswer]
    completeness: list[ReadAnswer]


class RepairAnswer(TypedDict):
    """A deploy that a sweep would drive to its desired state."""

    deploy: str
    role: str
    why: str


class RestAnswer(TypedDict):
    """A machine of a previous release that would be drained or parked."""

    machine: str
    deploy: str
    to: str


class ServicePlanAnswer(TypedDict):
    """What a sweep would do to one service. `problem` is set where it is unknown."""

    service: str
    problem: str
    ledger: LedgerAnswer
    record: list[str]
    end_lease: str | None
    repoint: list[str]
    switch: dict[str, str]
    drained: list[str]
    detach: dict[str, str]
    finish: list[RepairAnswer]
    forget: list[str]
    rest: list[RestAnswer]
    delete: list[VerdictAnswer]
    keep: list[VerdictAnswer]
    notes: list[str]
    writes_refused: bool
    deletions: int
    owned: int
    cap: int | None


class GapAnswer(TypedDict):
    """A kind of resource that could not be listed."""

    place: str
    kind: str
    reason: str


class PlanAnswer(ScopeAnswer):
    """`reconciler plan`: what a sweep would do."""

    empty: bool
    services: list[ServicePlanAnswer]
    strangers: list[VerdictAnswer]
    gaps: list[GapAnswer]
    resources: int
    calls: int


class OutcomeAnswer(TypedDict):
    """What became of one resource; also a line of the stream."""

    type: str
    kind: str
    id: str
    fate: str
    text: str


class SweepAnswer(ScopeAnswer):
    """`reconciler sweep`, `deployer abort`, `deployer retire`: what was done, and what is left."""

    clean: bool
    ended: list[str]
    forgotten: list[str]
    removed: dict[str, int]
    outcomes: list[OutcomeAnswer]
    left: list[VerdictAnswer]
    unknown: Mapping[str, str]
    contradictions: list[str]
    trouble: list[str]
    left_out: list[str]
    let_go: list[VerdictAnswer]


class CostAnswer(TypedDict):
    """A sum in $; null where no price, or no age, is known; else at least what is known.

    `unknown_prices`, `unknown_so_far`: things of which it is not known as a whole.
    """

    monthly: float | None
    hourly: float | None
    so_far: float | None
    things: int
    unknown_prices: int
    unknown_so_far: int


# `is` is a word of Python's: only this form of a TypedDict can name it.
_State = TypedDict("_State", {"is": str})


class CostedAnswer(VerdictAnswer, CostAnswer, _State):
    """A resource with its cost; `is`: its state in the report's words."""


class ReportRowAnswer(CostAnswer):
    """One deploy with its resources."""

    service: str
    deploy: str
    release: str
    state: str
    since: str
    machines: dict[str, int]
    other: dict[str, int]
    resources: list[CostedAnswer]


class WasteAnswer(CostAnswer):
    """What nobody needs: since when, and for how much a month."""

    since: str | None
    month: float


class SavedAnswer(TypedDict):
    """What the sweeps of the last `days` have saved, by the journal."""

    days: int
    deletions: int
    dollars: float
    per_hour: float
    unpriced: int


class CostGroupAnswer(CostAnswer):
    """The sum of what has one value of `by`."""

    by: str
    name: str


class DatabaseShareAnswer(TypedDict):
    """A database's part, by size, of the price of its server, which no release has made."""

    service: str
    deploy: str
    database: str
    server: str
    part: float | None
    monthly: float | None
    unknown_prices: int


class ReportAnswer(ScopeAnswer):
    """`reconciler report`: what every deploy holds and costs; `back`: so far, in seconds.

    `shared`: the sum of `database_shares`, which is in no other.
    """

    now: str | None
    sentence: str
    back: float | None
    left_out: list[str]
    prices: str
    groups: list[CostGroupAnswer]
    kept_for_rollback: CostAnswer
    spent_as_garbage: CostAnswer | None
    deploys: list[ReportRowAnswer]
    orphans: list[CostedAnswer]
    let_go: list[CostedAnswer]
    foreign: list[CostedAnswer]
    shared: CostAnswer
    database_shares: list[DatabaseShareAnswer]
    services: dict[str, CostAnswer]
    states: dict[str, CostAnswer]
    total: CostAnswer
    saved: SavedAnswer | None
    wasted: WasteAnswer
    unknown: dict[str, str]
    gaps: list[str]


class RuleAnswer(TypedDict):
    """Which rule decided."""

    reason: str
    text: str


class AskedAnswer(TypedDict):
    """A rule that was asked, what it saw, and what it said."""

    rule: str
    at: str | None
    saw: str
    said: RuleAnswer | None


class ExplainedAnswer(VerdictAnswer):
    """A resource with every rule that was asked."""

    answers: dict[str, str]
    asked: list[AskedAnswer]
    would_change: str


class ExplainAnswer(TypedDict):
    """`reconciler explain`: `ended` is the state of a resource that is gone."""

    things: list[ExplainedAnswer]
    ended: NotRequired[str]


class HoldAnswer(TypedDict):
    """`reconciler hold`, `reconciler unhold`: `hold` is the reason, '' without a hold."""

    id: str
    hold: str


ANSWERS: Mapping[str, type] = {
    "reconciler.plan/1": PlanAnswer,
    "reconciler.sweep/1": SweepAnswer,
    "reconciler.report/1": ReportAnswer,
    "reconciler.explain/1": ExplainAnswer,
    "reconciler.hold/1": HoldAnswer,
    "reconciler.strays/1": StraysAnswer,
    "reconciler.prices/1": PricesAnswer,
}
"""The value of `schema` in each answer, and its fields. `policy` answers in IAM's own grammar."""
