"""Forwards TCP connections from the machines' public addresses to their private ones.

A machine listens on its private loopback address only, so the public one needs a forwarder: one
thread with an event loop, started with the first route and ended with the last, so that a sandbox
without public addresses pays nothing. As with any forwarder a client is connected before the
machine is; if the machine refuses, the client sees a reset. Where a security group lets nobody in,
a client waits in vain, as on EC2.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable

from deployer.sandbox.machine_host import Route
from deployer.sandbox.network.relay import BACKLOG, LoopThread, RelayTarget, TcpRelay, no_distance

_log = logging.getLogger(__name__)


class Forwarders:
    """A `Nat`; `close` ends it. Thread-safe.

    `round_trip` says how many seconds a packet to a public address and its answer take.
    """

    def __init__(self, round_trip: Callable[[], float] = no_distance) -> None:
        self._round_trip = round_trip
        self._lock = threading.Lock()
        self._routes: frozenset[Route] = frozenset()
        self._relays: dict[tuple[str, int], TcpRelay] = {}
        self._silent: dict[tuple[str, int], socket.socket] = {}
        self._loop = LoopThread("sandbox-nat")

    def follow(self, routes: frozenset[Route]) -> None:
        """Close the removed routes with their connections, and open the new ones.

        A public address that moves to another machine stays open: its connections are aborted, and
        from then on new ones lead to the other machine.

        A route that cannot be opened (an ordinary user and a port below 1024) is logged and
        skipped.
        """
        with self._lock:
            if routes != self._routes:
                self._loop.run(self._change(routes))
                self._routes = routes
            if not routes:
                self._loop.end()

    def close(self) -> None:
        """Close every route and end the thread. Idempotent."""
        self.follow(frozenset())

    async def _change(self, routes: frozenset[Route]) -> None:
        closed = {(route.address, route.port) for route in routes if not route.to}
        for outside in set(self._silent) - closed:
            self._silent.pop(outside).close()
        await self._open(routes)
        for outside in closed - set(self._silent):
            with contextlib.suppress(OSError):  # as in `_open`, or somebody listens there
                self._silent[outside] = silent_port(*outside)

    async def _open(self, routes: frozenset[Route]) -> None:
        wanted = {(route.address, route.port): route for route in routes if route.to}
        for outside in set(self._relays) - set(wanted):
            await self._relays.pop(outside).close()
        for outside, route in sorted(wanted.items()):
            if outside in self._relays:
                await self._relays[outside].lead_to(RelayTarget(route.to, route.port))
                continue
            if route in self._routes:
                continue  # it could not be opened
            try:
                listener = socket.create_server((route.address, route.port), backlog=BACKLOG)
            except OSError as refused:
                _log.warning("no traffic to %s:%s: %s", route.address, route.port, refused)
                continue
            self._relays[outside] = TcpRelay(
                listener, RelayTarget(route.to, route.port), self._round_trip
            )
            self._relays[outside].open()


def silent_port(address: str, port: int) -> socket.socket:
    """A port where a client waits for an answer that never comes: its queue is full.

    With a connection that nobody accepts the kernel drops every further SYN (listen(2), "backlog").
    Raises OSError.
    """
    listener = socket.create_server((address, port), backlog=0)
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        listener.close()
        raise
    return listener
