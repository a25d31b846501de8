"""Clients of the service: one reads all the time, one places orders and keeps the receipts.

They resolve the service's name at a name server before every request.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dnslib import DNSRecord

PORT = 8080
PAUSE = 0.05
TIMEOUT = 10.0


@dataclass(frozen=True)
class ServiceAddress:
    """A service's name, and the name server that resolves it."""

    record: str
    server: str
    port: int

    def address(self) -> str:
        """The first address in the name server's answer."""
        answer = DNSRecord.parse(
            DNSRecord.question(self.record).send(self.server, self.port, timeout=TIMEOUT)
        )
        return str(answer.rr[0].rdata)


def ask(address: str, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
    """Status and JSON of one answer. Raises OSError, http.client.HTTPException."""
    connection = http.client.HTTPConnection(address, PORT, timeout=TIMEOUT)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        connection.close()


@dataclass
class Clients:
    """Both clients, and their observations."""

    where: ServiceAddress
    asked: int = 0
    errors: list[str] = field(default_factory=list)
    receipts: set[int] = field(default_factory=set)
    refused: int = 0
    writing: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _idle: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Run both while the body runs."""
        self.writing.set()
        threads = [
            threading.Thread(target=self._loop, args=(act,), daemon=True)
            for act in (self._read, self._write)
        ]
        for one in threads:
            one.start()
        try:
            yield
        finally:
            self._stop.set()
            for one in threads:
                one.join(2 * TIMEOUT)

    def pause_writing(self) -> None:
        """Stop placing orders; returns when none is in progress."""
        self._idle.clear()
        self.writing.clear()
        self._idle.wait(2 * TIMEOUT)

    def _loop(self, act: Callable[[], None]) -> None:
        while not self._stop.wait(PAUSE):
            act()

    def _read(self) -> None:
        self.asked += 1
        try:
            status, answer = ask(self.where.address(), "GET", "/healthz")
        except (OSError, http.client.HTTPException) as error:
            self.errors.append(f"no answer: {error}")
            return
        if status != http.client.OK:
            self.errors.append(f"{status}: {answer}")

    def _write(self) -> None:
        """Place an order. It counts only when acknowledged; a refused one is retried."""
        if not self.writing.is_set():
            self._idle.set()
            return
        try:
            status, answer = ask(self.where.address(), "POST", "/orders", b"{}")
        except (OSError, http.client.HTTPException):
            self.refused += 1
            return
        if status == http.client.CREATED:
            self.receipts.add(int(answer["id"]))
        else:
            self.refused += 1
