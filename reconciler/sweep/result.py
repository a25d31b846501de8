"""What a sweep did, and the tally it is built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.model.coverage import MACHINE, Read, ReadStatus
from reconciler.model.deploy_id import DeployId
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import Gap, service_of
from reconciler.plan.service_plan import Plan
from reconciler.sweep.snapshot import Snapshot


@dataclass(frozen=True)
class SweepResult:
    """What a sweep did. `left`: work that remained when it stopped; `gaps`: what it could not read.

    `left_out` lists approved actions that were not executed, because the state has changed since.
    """

    first: Plan
    left: Plan
    outcomes: tuple[Outcome, ...] = ()
    ended: tuple[DeployId, ...] = ()
    forgotten: tuple[DeployId, ...] = ()
    trouble: tuple[str, ...] = ()
    told: tuple[Read, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def gone(self) -> tuple[Outcome, ...]:
        """The outcomes of resources that are gone."""
        return tuple(outcome for outcome in self.outcomes if outcome.status is OutcomeStatus.GONE)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What could not be read at the end."""
        return self.left.inventory.gaps

    @property
    def reads(self) -> tuple[Read, ...]:
        """The rows of the coverage table: the last read, and the machines that received orders."""
        return (*self.left.inventory.reads, *self.told)

    @property
    def clean(self) -> bool:
        """Whether no work is left and nothing was left unread."""
        return self.left.empty and not self.left.unknown and not self.gaps


@dataclass
class Tally:
    """What was done so far; the last outcome of each resource counts."""

    outcomes: dict[tuple[str, str, str], Outcome] = field(default_factory=dict)
    ended: list[DeployId] = field(default_factory=list)
    forgotten: list[DeployId] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    told: dict[str, Read] = field(default_factory=dict)
    traffic: list[str] = field(default_factory=list)
    """The changes of traffic that were made."""

    def add(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.reached is not None:
                self.told[outcome.resource.id] = _told(outcome, outcome.reached)
            before = self.outcomes.get(outcome.resource.key)
            if before is None or before.status is not OutcomeStatus.GONE:
                self.outcomes[outcome.resource.key] = outcome

    def recall(self, world: Snapshot) -> None:
        """A listed resource is not gone, whatever an earlier outcome says."""
        for resource in world.inventory.resources:
            known = self.outcomes.get(resource.key)
            if known is not None and known.status is OutcomeStatus.GONE:
                self.outcomes[resource.key] = Outcome(
                    resource, OutcomeStatus.PENDING, "it is listed again"
                )

    def result(self, first: Plan, left: Plan) -> SweepResult:
        return SweepResult(
            first,
            left,
            tuple(self.outcomes.values()),
            tuple(self.ended),
            tuple(self.forgotten),
            tuple(dict.fromkeys(self.trouble)),
            tuple(self.told.values()),
        )

    @property
    def gone(self) -> set[tuple[str, str, str]]:
        return {key for key, one in self.outcomes.items() if one.status is OutcomeStatus.GONE}

    @property
    def obeyed(self) -> bool:
        """Whether everything that was asked for has succeeded, so far."""
        done = (OutcomeStatus.DONE, OutcomeStatus.GONE)
        return all(one.status in done for one in self.outcomes.values())

    @property
    def progress(self) -> int:
        done = sum(
            outcome.status in (OutcomeStatus.GONE, OutcomeStatus.DONE)
            for outcome in self.outcomes.values()
        )
        return done + len(self.ended) + len(self.forgotten) + len(self.traffic)


def _told(outcome: Outcome, reached: ReadStatus) -> Read:
    """A machine that was to receive an order, as a row of the coverage table."""
    resource = outcome.resource
    note = "" if reached is ReadStatus.READ else f"{resource.id}: {outcome.text}"
    return Read(resource.place, MACHINE, reached, calls=1, note=note, service=service_of(resource))
