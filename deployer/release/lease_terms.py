"""The duration of a lease, when its next renewal is due, and what is said once it is lost. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.config.limits import LeaseLengths
from reconciler.errors import Refused, ToolError
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Lease


class LeaseLost(ToolError):
    """The ledger no longer names this deploy as lease holder; a sweep removes what it created."""


@dataclass(frozen=True)
class LeaseTerms:
    """The lease's duration without renewal, its renewal interval, and the deploy's limit.

    `frozen` is the duration while live is frozen; then it is renewed four times as often.
    """

    length: timedelta
    every: timedelta
    limit: timedelta
    frozen: timedelta = timedelta(seconds=90)

    def while_frozen(self) -> LeaseTerms:
        """The terms while live is frozen: never longer than the ordinary ones."""
        length = min(self.length, self.frozen)
        return replace(self, length=length, every=min(self.every, length / 4))


WORD_AFTER = 20.0
"""Seconds after which a step counts as long: then the ledger gets its word without a renewal."""

WORDS = 2
"""So many words at most are written for themselves in one release: each is a change of the zone."""


@dataclass
class RenewalPace:
    """When the next renewal is due. The step's word travels with renewals that are due anyway.

    `at` is the time of the last one (seconds, any clock), `written` the word that it wrote.
    """

    at: float
    step: str = "lease"
    written: str = "lease"
    _began: float = 0.0
    _words: int = WORDS

    def begin(self, step: str, now: float) -> None:
        """Another step begins; nothing is written yet."""
        self.step, self._began = step, now

    def renewing(self, now: float) -> None:
        """A renewal is sent. If it fails, the next one is due as if it had not."""
        self._words -= self._word_due() <= now
        self.at, self.written = now, self.step

    def due_in(self, every: timedelta, now: float) -> float:
        """Seconds until the next renewal."""
        return max(0.0, min(self.at + every.total_seconds(), self._word_due()) - now)

    def _word_due(self) -> float:
        unwritten = self.step != self.written and self._words > 0
        return self._began + WORD_AFTER if unwritten else float("inf")


def terms_of(said: LeaseLengths) -> LeaseTerms:
    """The terms from the configuration."""
    return LeaseTerms(said.length, said.renew_every, said.limit, said.frozen)


def beaten(service: str, lease: Lease | None, again: str) -> Refused:
    """The refusal where somebody else was first: `lease` is what the ledger says now."""
    who = f"{lease.id}, in `{lease.step}`" if lease else "somebody else"
    look = f"To see how it stands  deployer status {service}"
    return Refused(
        f"{service} was changed by {who} just now; nothing was done",
        cure=f"{look}\nTo try again          {again}",
    )


def ended(mine: DeployId, lease: Lease | None, again: str) -> LeaseLost:
    """The error of a lease that others have ended: `lease` is what the ledger says now."""
    now = f"{lease.id} holds it now, in `{lease.step}`" if lease else "nobody holds it now"
    who = "an operator (abort, thaw, recover), or by a sweep once it had run out"
    return LeaseLost(
        f"the lease of {mine} was ended by {who}: {now}", cure=f"To try again   {again}"
    )
