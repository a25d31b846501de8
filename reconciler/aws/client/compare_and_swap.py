"""A compare-and-swap of a ledger until its result is definite, whatever stores the ledger.

What is sent and what is read back differ by store; what an error means does not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from reconciler.aws.client.retry import throttled
from reconciler.aws.client.session import Aws
from reconciler.errors import AccessDenied, CloudError, CloudUnclear
from reconciler.model.ledger import Ledger
from reconciler.model.reading import Reading
from reconciler.util.backoff import Backoff


class Undecided(CloudUnclear):
    """Not decided: what was read still stands, so the same request may be sent again."""


@dataclass
class CompareAndSwap(ABC):
    """One swap, from the first request to a definite result.

    `unclear`: a request of ours had no answer, and may still arrive.
    """

    aws: Aws
    backoff: Backoff
    seen: Reading
    new: Ledger
    unclear: bool = field(default=False, init=False)

    def run(self) -> Reading:
        """See `LedgerStore.swap`."""
        try:
            return self.backoff.retry(self.attempt, _worth_another)
        except CloudUnclear:
            raise
        except (CloudError, AccessDenied) as error:
            if not self.unclear:
                raise
            # An earlier request of ours may still arrive: a definite error of this request proves
            # nothing about that one.
            raise CloudUnclear(f"{self.name} may or may not have changed: {error}") from error

    @property
    def name(self) -> str:
        """The ledger's, as messages say it."""
        return self.seen.address.name

    def unreadable(self, error: CloudError | AccessDenied) -> Undecided:
        """What became of the request cannot be read."""
        return Undecided(f"{self.name} may or may not have changed, and cannot be read: {error}")

    @abstractmethod
    def attempt(self) -> Reading:
        """Send the request once. Raises Undecided where it may be sent again, SwapLost if lost."""


def _worth_another(error: BaseException) -> bool:
    return isinstance(error, Undecided) or throttled(error)
