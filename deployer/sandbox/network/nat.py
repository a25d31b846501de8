"""Forwards TCP connections from the machines' public addresses to their private ones.

A machine listens on its private loopback address only, so the public one needs a forwarder: one
thread with an event loop, started with the first route and ended with the last, so that a sandbox
without public addresses pays nothing. As with any forwarder a client is connected before the
machine is; if the machine refuses, the client sees a reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import threading
from asyncio import Task
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from deployer.sandbox.machine_host import Route

CHUNK = 256 * 1024
_RESET = struct.pack("ii", 1, 0)
_log = logging.getLogger(__name__)


@dataclass
class _Gate:
    """An open route, and its connections."""

    route: Route
    listener: socket.socket
    under_way: set[Task[None]] = field(default_factory=set)

    def let_in(self) -> None:
        """Accept a waiting client; from now on its connection is tracked."""
        try:
            client, _ = self.listener.accept()
        except OSError:
            return  # the client has disconnected
        task = asyncio.create_task(_carry(self.route, client))
        self.under_way.add(task)
        task.add_done_callback(lambda one: self._ended(one, client))

    def _ended(self, task: Task[None], client: socket.socket) -> None:
        self.under_way.discard(task)
        if task.cancelled() or task.exception():
            with contextlib.suppress(OSError):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        client.close()


class Forwarders:
    """A `Nat`; `close` ends it. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._routes: frozenset[Route] = frozenset()
        self._gates: dict[Route, _Gate] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def follow(self, routes: frozenset[Route]) -> None:
        """Close the removed routes with their connections, and open the new ones.

        A route that cannot be opened (an ordinary user and a port below 1024) is logged and
        skipped.
        """
        with self._lock:
            if routes != self._routes:
                self._run(self._change(routes))
                self._routes = routes
            if not routes:
                self._end_loop()

    def close(self) -> None:
        """Close every route and end the thread. Idempotent."""
        self.follow(frozenset())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="sandbox-nat", daemon=True
            )
            self._thread.start()
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end_loop(self) -> None:
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    async def _change(self, routes: frozenset[Route]) -> None:
        # Removals first: an address may be assigned to another machine in the same call.
        for route in set(self._gates) - routes:
            await _close(self._gates.pop(route))
        for route in sorted(routes - self._routes):
            try:
                self._gates[route] = _open(route)
            except OSError as refused:
                _log.warning("no traffic to %s:%s: %s", route.address, route.port, refused)


def _open(route: Route) -> _Gate:
    """Listen. Raises OSError."""
    gate = _Gate(route, socket.create_server((route.address, route.port), backlog=128))
    gate.listener.setblocking(False)
    asyncio.get_running_loop().add_reader(gate.listener, gate.let_in)
    return gate


async def _close(gate: _Gate) -> None:
    asyncio.get_running_loop().remove_reader(gate.listener)
    gate.listener.close()
    for task in gate.under_way:
        task.cancel()
    await asyncio.gather(*gate.under_way, return_exceptions=True)


async def _carry(route: Route, client: socket.socket) -> None:
    """Copy both ways until both have ended; an error on one side aborts the other."""
    with socket.socket() as machine:
        for one in (client, machine):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(machine, (route.to, route.port))
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(client, machine))
            both.create_task(_copy(machine, client))


async def _copy(here: socket.socket, there: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(here, CHUNK):
        await loop.sock_sendall(there, data)
    # When one side has ended, the other sees end of file, and may still send.
    with contextlib.suppress(OSError):
        there.shutdown(socket.SHUT_WR)
