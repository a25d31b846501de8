"""Clients that note when each answer came, and the figures of a switch by their notes."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise

from deployer.sandbox.company import configuration
from deployer.sandbox.network import name_server
from tests.support.balanced_clients import Clients
from tests.support.company import RECORD

NEW, KEPT, ORDER = "new", "kept", "order"
_GOOD = {NEW: {200}, KEPT: {200}, ORDER: {201, 503}}
REFUSED = 503


@dataclass(frozen=True)
class Answer:
    """When a client got an answer, and from which version; status 0 where none came."""

    at: float
    client: str
    status: int
    version: str = ""


@dataclass
class Resolver:
    """Looks the record up: for each connection, or (`caching`) anew when its TTL is over."""

    host: str
    caching: bool = False
    until: float = 0.0
    addresses: tuple[str, ...] = ()

    def resolve(self) -> tuple[str, ...]:
        """The addresses of the service."""
        if time.monotonic() >= self.until:
            found = name_server.resolve(self.host, RECORD)
            self.addresses = tuple(address for address, _ in found)
            self.until = time.monotonic() + self.caching * min(ttl for _, ttl in found)
        return self.addresses


@dataclass
class TimedClients(Clients):
    """`Clients` of a record.

    Orders take a new connection each: one that stays open may stay with the old release, which
    refuses them for as long as it runs.
    """

    nodes: tuple[str, ...] = ()
    resolver: Resolver = field(default_factory=lambda: Resolver(""))
    answers: list[Answer] = field(default_factory=list)

    def orders(self) -> None:
        """See the class."""
        turn = 0
        while not self.over.wait(0.02):
            turn += 1
            with closing(self._connection(turn)) as connection:
                self._ask(ORDER, connection, "POST", "/orders")

    def answered(self, who: str, status: int, answer: bytes) -> None:
        """Note it as well."""
        super().answered(who, status, answer)
        version = str(json.loads(answer or b"{}").get("version", ""))
        self.answers.append(Answer(time.monotonic(), who, status, version))

    def failed(self, who: str, error: Exception) -> None:
        """Note it as well."""
        super().failed(who, error)
        self.answers.append(Answer(time.monotonic(), who, 0))

    def have_moved(self, version: str) -> bool:
        """Whether this version has answered new connections, and taken an order."""
        moved = {(one.client, one.status) for one in self.answers if one.version == version}
        return moved >= {(NEW, 200), (ORDER, 201)}

    def _connection(self, node: int) -> http.client.HTTPConnection:
        addresses = self.resolver.resolve()
        address = addresses[node % len(addresses)]
        return http.client.HTTPConnection(address, configuration.APP_PORT, timeout=30)


@dataclass(frozen=True)
class Reads:
    """What a reading client met, in seconds.

    `gap`: from an answer of the old release to the next, of the new one; the longest (None: it
    stays with the old one). `pause`: the longest time between two other answers. `both`: how long
    both releases answered in turn.
    """

    gap: float | None
    pause: float
    both: float
    requests: int
    failed: int


@dataclass(frozen=True)
class Writes:
    """What the writing client met.

    `seconds`: from the last order that was taken before the first refusal to the first that was
    taken after the last.
    """

    refused: int
    seconds: float
    requests: int
    failed: int


def reads(answers: Sequence[Answer], client: str, version: str) -> Reads:
    """Of the client that reads, across the switch to `version`."""
    own = [one for one in answers if one.client == client]
    good = [one for one in own if one.status in _GOOD[client]]
    pauses = [
        (after.at - before.at, before.version != version == after.version)
        for before, after in pairwise(good)
    ]
    gap = max((seconds for seconds, switches in pauses if switches), default=None)
    first = next((one.at for one in good if one.version == version), 0.0)
    last = max(one.at for one in good if one.version != version)
    return Reads(
        gap,
        max(seconds for seconds, switches in pauses if not switches),
        max(0.0, last - first) if first else 0.0,
        len(own),
        len(own) - len(good),
    )


def writes(answers: Sequence[Answer]) -> Writes:
    """Of the client that writes."""
    own = [one for one in answers if one.client == ORDER]
    refused = [one.at for one in own if one.status == REFUSED]
    taken = [one.at for one in own if one.status == http.client.CREATED]
    seconds = 0.0
    if refused:
        before = max(at for at in taken if at < refused[0])
        seconds = min(at for at in taken if at > refused[-1]) - before
    failed = sum(one.status not in _GOOD[ORDER] for one in own)
    return Writes(len(refused), seconds, len(own), failed)


ROW_HEAD = (
    "median s | longest s | writes refused for, median s | longest s | orders | refused | failed"
)


def row(name: str, commands: Sequence[float], met: Sequence[Writes]) -> str:
    """A row below ROW_HEAD: the seconds of the commands, and what the writing client met."""
    shut = [one.seconds for one in met]
    times = (statistics.median(commands), max(commands), statistics.median(shut), max(shut))
    orders, refused = sum(one.requests for one in met), sum(one.refused for one in met)
    cells = [name, *(f"{seconds:.1f}" for seconds in times), f"{orders:,}", f"{refused:,}"]
    return " | ".join([*cells, str(sum(one.failed for one in met))])
