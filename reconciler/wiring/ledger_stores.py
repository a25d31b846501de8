"""The ledgers of an account, each in the store that its address names: a zone or a bucket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.aws.route53.ledger_store import Route53Ledgers
from reconciler.aws.s3.ledger_store import S3Ledgers
from reconciler.model.ledger import Ledger
from reconciler.model.reading import LedgerAddress, Listing, Reading, Readings
from reconciler.ports.ledger_store import LedgerStore


@dataclass(frozen=True)
class LedgerStores:
    """`LedgerStore` for both kinds of address: a move reads and writes one of each."""

    zones: Route53Ledgers
    buckets: S3Ledgers

    def elsewhere(self, address: LedgerAddress) -> Mapping[str, tuple[str, ...]]:
        return self._of(address).elsewhere(address)

    def read(self, address: LedgerAddress) -> Reading:
        return self._of(address).read(address)

    def readings(self, addresses: Sequence[LedgerAddress]) -> Readings:
        """Of the stores that hold any of them."""
        stores: tuple[LedgerStore, ...] = (self.zones, self.buckets)
        every = [(one, [a for a in addresses if self._of(a) is one]) for one in stores]
        found = [one.readings(its) for one, its in every if its]
        merged = {address: answer for one in found for address, answer in one.found.items()}
        return Readings(merged, sum(one.calls for one in found))

    def names(self, address: LedgerAddress) -> Listing:
        """Of the zones that it watches, wherever the ledger is."""
        return (self.zones if address.watched else self._of(address)).names(address)

    def raw(self, address: LedgerAddress) -> Reading:
        return self._of(address).raw(address)

    def neighbours(self, address: LedgerAddress) -> Mapping[str, str]:
        return self._of(address).neighbours(address)

    def kept_where(self, address: LedgerAddress) -> str:
        return self._of(address).kept_where(address)

    def swap(self, seen: Reading, new: Ledger, point_at: tuple[str, ...] | None = None) -> Reading:
        return self._of(seen.address).swap(seen, new, point_at)

    def _of(self, address: LedgerAddress) -> LedgerStore:
        return self.buckets if address.bucket else self.zones
