"""The duration of a lease and the renewal interval, also while live is frozen. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.config.limits import LeaseLengths


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


def terms_of(said: LeaseLengths) -> LeaseTerms:
    """The terms from the configuration."""
    return LeaseTerms(said.length, said.renew_every, said.limit, said.frozen)
