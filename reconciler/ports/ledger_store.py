"""The port to where ledgers are kept. Route 53 implements it in `reconciler.aws.route53`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from reconciler.model.ledger import Ledger
from reconciler.model.reading import LedgerAddress, Listing, Reading, Readings


class LedgerStore(Protocol):
    """Reads and swaps ledgers. Route 53's transactional batches make the swap atomic."""

    def locate(self, service: str, record: str) -> LedgerAddress:
        """Where the service's ledger is: in the longest hosted zone that contains `record`.

        Raises ConfigError if no zone of the account does, CloudError.
        """
        ...

    def read(self, address: LedgerAddress) -> Reading:
        """The most current ledger and A record.

        Raises LedgerUnknown for one that cannot be read or understood, or where the record's name
        has anything but one simple A record (weights, alias, AAAA, HTTPS, CNAME): unknown is not
        empty.
        """
        ...

    def readings(self, addresses: Sequence[LedgerAddress]) -> Readings:
        """Many at once, with as few calls as there are pages; one's error is its own value."""
        ...

    def names(self, address: LedgerAddress) -> Listing:
        """Every name of the watched zones that has addresses of its own, the record too.

        Raises CloudError, AccessDenied: a zone that was not read whole is not half a witness.
        """
        ...

    def raw(self, address: LedgerAddress) -> Reading:
        """What stands there, not understood: `ledger` is None. For `recover` alone.

        Raises LedgerUnknown for what could not be swapped against either, CloudError.
        """
        ...

    def neighbours(self, address: LedgerAddress) -> Mapping[str, str]:
        """The other ledgers of the zone: name → TXT value. Raises CloudError, AccessDenied."""
        ...

    def swap(self, seen: Reading, new: Ledger, point_at: tuple[str, ...] | None = None) -> Reading:
        """DELETE exactly what was seen and CREATE `new`, in one batch; returns it as a reading.

        With `point_at`, the A record changes in the same batch (created where there was none), and
        with it each name in `also` that said the same; what people pointed elsewhere stays there.
        A lost reply is answered by reading again (rule 4): returns if `new` stands there,
        sends again while the old one does, raises SwapLost if something else stands there, and
        CloudUnclear if it could not be settled within its deadline.
        """
        ...
