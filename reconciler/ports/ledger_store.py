"""The port to the storage of ledgers: `reconciler.aws.route53` and `reconciler.aws.s3`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from reconciler.model.ledger import Ledger
from reconciler.model.reading import LedgerAddress, Listing, Reading, Readings


class LedgerStore(Protocol):
    """Reads and swaps ledgers: by a batch of Route 53, by a conditional write of S3."""

    def elsewhere(self, address: LedgerAddress) -> Mapping[str, tuple[str, ...]]:
        """The other zones that have records at the record's name, with their types.

        A parent of a delegated zone, or the private zone beside a public one; none for a ledger
        that is in no zone. Raises CloudError, AccessDenied.
        """

    def read(self, address: LedgerAddress) -> Reading:
        """The most current ledger and A record.

        Raises LedgerUnknown if it cannot be read or understood, or if the record's name has
        anything but one simple A record (weights, alias, AAAA, HTTPS, CNAME): unknown is not
        empty.
        """

    def readings(self, addresses: Sequence[LedgerAddress]) -> Readings:
        """Many at once, with one call per page; the error of one ledger is its own value."""

    def names(self, address: LedgerAddress) -> Listing:
        """Every name of the watched zones that has addresses of its own, including the record.

        None for a ledger in S3 that watches no zone. Raises CloudError, AccessDenied: a zone that
        was not read completely is no witness.
        """

    def raw(self, address: LedgerAddress) -> Reading:
        """The stored text, not parsed: `ledger` is None. For `recover` alone.

        Raises LedgerUnknown for a value that could not be swapped either, CloudError.
        """

    def neighbours(self, address: LedgerAddress) -> Mapping[str, str]:
        """The other ledgers of the zone, or beside the object: name → text.

        Raises CloudError, AccessDenied.
        """

    def kept_where(self, address: LedgerAddress) -> str:
        """The zone or bucket in words, for `doctor`.

        Raises ToolError, with the cure, for a place that a ledger should not be in; CloudError,
        AccessDenied.
        """
        ...

    def swap(self, seen: Reading, new: Ledger, point_at: tuple[str, ...] | None = None) -> Reading:
        """Replace exactly what was seen by `new`, all or nothing; returns it as a reading.

        With `point_at`, the A record changes in the same batch (created if there was none), and
        with it each name in `also` that had the same value; names that people changed stay.
        A lost reply is answered by reading again (rule 4): returns if `new` is stored, sends
        again while the old value is, raises SwapLost if another value is stored, and
        CloudUnclear if the result is not known before the deadline.
        """
