"""A ledger that stands there, and leases on it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from deployer.release.lease_holder import LeaseHolder
from deployer.release.lease_terms import LeaseTerms
from reconciler.model import ledger as led
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ending, Ledger
from reconciler.model.reading import LedgerAddress
from tests.fakes.ledgers import FakeLedgers
from tests.support.shop_world import CLEAN, NOW, deploy

ME, OTHER = deploy(0, "aaaaa"), deploy(0, "bbbbb")
AT = ("10.0.2.1",)
SLOW = LeaseTerms(timedelta(minutes=10), timedelta(hours=1), timedelta(hours=2))
QUICK = LeaseTerms(timedelta(minutes=10), timedelta(milliseconds=2), timedelta(hours=2))


class Book:
    """A ledger that stands there, and leases on it; all are put to rest at the end."""

    def __init__(self) -> None:
        self.store = FakeLedgers()
        self.address: LedgerAddress = self.store.locate("shop", "shop.example.com")
        self.store.put(self.address, CLEAN)
        self.leases: list[LeaseHolder] = []

    @property
    def stands(self) -> Ledger:
        """The ledger that stands there."""
        return self.store.stands(self.address)

    def lease(self, mine: DeployId = ME, terms: LeaseTerms = SLOW) -> LeaseHolder:
        """A lease on what stands there now, not yet taken."""
        one = LeaseHolder(self.store, self.store.read(self.address), mine, terms)
        self.leases.append(one)
        return one

    def taken(self, terms: LeaseTerms = SLOW) -> LeaseHolder:
        """My lease."""
        one = self.lease(terms=terms)
        one.acquire()
        return one

    def change(self, change: Callable[[Ledger], Ledger]) -> None:
        """Somebody else swaps."""
        self.store.put(self.address, change(self.stands), self.store.pointed_at(self.address))

    def abort(self) -> None:
        """An operator ends the lease that is held."""
        lease = self.stands.lease
        assert lease is not None
        self.change(lambda old: led.end(old, Ending(lease, NOW, operator=True)))


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until the renewing thread has made it true."""
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it never came true")
