"""Clients of a service behind a load balancer: reads and orders, without any retry."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from deployer.sandbox.company import configuration
from tests.contract.helpers import eventually


@dataclass
class Clients:
    """Asks 50 times a second: on an open connection, on new ones, and with orders. No retries.

    `receipts` are the numbers of the orders that were acknowledged.
    """

    nodes: tuple[str, ...]
    receipts: set[int] = field(default_factory=set)
    found: Counter[tuple[str, object]] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)
    round: dict[str, int] = field(default_factory=dict)

    def kept(self) -> None:
        """One connection that stays open as long as the balancer keeps it."""
        with closing(self._connection(0)) as connection:
            first = None
            while not self.over.wait(0.02):
                self._ask("kept", connection, "GET", "/healthz")
                first = first or connection.sock
                self.found[("kept", "reconnected")] += connection.sock is not first

    def new(self) -> None:
        """A connection for each request, to the nodes in turn."""
        turn = 0
        while not self.over.wait(0.02):
            turn += 1
            with closing(self._connection(turn)) as connection:
                self._ask("new", connection, "GET", "/healthz")

    def orders(self) -> None:
        """Writes, on an open connection."""
        with closing(self._connection(1)) as connection:
            while not self.over.wait(0.02):
                self._ask("order", connection, "POST", "/orders")

    def _connection(self, node: int) -> http.client.HTTPConnection:
        address = self.nodes[node % len(self.nodes)]
        return http.client.HTTPConnection(address, configuration.APP_PORT, timeout=30)

    def _ask(self, who: str, connection: Any, method: str, path: str) -> None:
        body = b'{"item": "jam", "quantity": 1}' if method == "POST" else None
        try:
            connection.request(method, path, body=body)
            reply = connection.getresponse()
            self.answered(who, reply.status, reply.read())
        except (OSError, http.client.HTTPException) as error:
            self.failed(who, error)
            connection.close()
        self.round[who] = self.round.get(who, 0) + 1

    def answered(self, who: str, status: int, answer: bytes) -> None:
        """Count an answer, and keep the number of an order."""
        self.found[(who, status)] += 1
        if status == http.client.CREATED:
            self.receipts.add(int(json.loads(answer)["id"]))

    def failed(self, who: str, error: Exception) -> None:
        """Count a request that got no answer."""
        self.found[(who, repr(error))] += 1

    def have_gone_on(self, requests: int = 5) -> None:
        """Wait until each of them has made so many more requests."""
        before = dict(self.round)
        eventually(
            lambda: all(
                self.round.get(one, 0) >= before.get(one, 0) + requests
                for one in ("kept", "new", "order")
            ),
            patience=60,
        )

    def outcomes(self) -> set[tuple[str, object]]:
        """What came back at all, by the client."""
        return {key for key, times in self.found.items() if times}

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While the block runs, all of them ask."""
        threads = [threading.Thread(target=one) for one in (self.kept, self.new, self.orders)]
        with ExitStack() as ends:
            for one in threads:
                one.start()
                ends.callback(one.join)
            ends.callback(self.over.set)
            self.have_gone_on()
            yield
            self.have_gone_on()
