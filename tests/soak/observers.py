"""Who watches: clients of the service, and a reader of the ledger.

The clients ask and place orders all the time, each order under a name of its own: numbers are given
out again when a rollback goes back to an older database. The reader notes every ledger that it
sees, and at every change of live which orders the two databases hold.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from tests.soak.evidence import Seen, Switch
from tests.soak.ground import MARK, Ground
from tests.support.company import Witness, ask


@dataclass
class Clients(Witness):
    """As everywhere, but orders have names."""

    orders: set[str] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def _write(self) -> None:
        name = f"{MARK}{next(self._numbers)}"
        status, _ = ask(self._address(), "/orders", json.dumps({"item": name}).encode())
        if status == 201:
            self.orders.add(name)
        else:
            self.refused += 1


@dataclass
class Reader:
    """Reads the ledger again and again; `since` is the run's clock."""

    ground: Ground
    clients: Clients
    since: Callable[[], float]
    ledgers: list[Seen] = field(default_factory=list)
    switches: list[Switch] = field(default_factory=list)

    def read_until(self, stop: threading.Event) -> None:
        """Note what changes, until told to stop; once more then."""
        while not stop.wait(0.3):
            self.look()
        self.look()

    def look(self) -> None:
        """Note the ledger if it is another than before."""
        text = self.ground.ledger()
        before = self.ledgers[-1].ledger if self.ledgers else ""
        if text != before:
            at = self.since()
            self.ledgers.append(Seen(at, text))
            if before and live(text) != live(before):
                self.switches.append(self._switch(at, before, text))

    def _switch(self, at: float, before: str, text: str) -> Switch:
        acknowledged = frozenset(self.clients.orders.copy())
        was, now = live(before), live(text)
        return Switch(
            at=at,
            was=was[0],
            now=now[0],
            back=f"previous={now[0]} " in before,
            acknowledged=acknowledged,
            before=self._orders_at(was[1]),
            after=self._orders_at(now[1]),
        )

    def _orders_at(self, address: str) -> frozenset[str] | None:
        """What the database of the machine at that address holds; None where nobody says."""
        status, answer = ask(address, "/healthz")
        if status != 200:
            return None
        try:
            return self.ground.orders(str(answer["database"]))
        except psycopg.Error:
            return None


def live(ledger: str) -> tuple[str, str]:
    """The live deploy of a ledger's text, and its first address."""
    found = re.search(r'"live=(\S+)(?: \w+=\S+)*? at=([0-9.]+)', ledger)
    assert found, ledger
    return found[1], found[2]


def clock() -> Callable[[], float]:
    """Seconds since now."""
    began = time.monotonic()
    return lambda: time.monotonic() - began
