"""How long a lease runs, how often it is renewed, and how that changes while live is shut. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.config.service import LeaseLengths


@dataclass(frozen=True)
class LeaseTerms:
    """How long a lease runs without renewal, how often it is renewed, and the deploy's limit.

    `frozen` is how long it runs while live is shut; then it is renewed four times as often.
    """

    length: timedelta
    every: timedelta
    limit: timedelta
    frozen: timedelta = timedelta(seconds=90)

    def while_frozen(self) -> LeaseTerms:
        """The terms while live is shut: never longer than the ordinary ones."""
        length = min(self.length, self.frozen)
        return replace(self, length=length, every=min(self.every, length / 4))


def terms_of(said: LeaseLengths) -> LeaseTerms:
    """The terms that the configuration says."""
    return LeaseTerms(said.length, said.renew_every, said.limit, said.frozen)
