"""Carries TCP connections both ways between two sockets, on one thread with an event loop.

The two may belong to different network namespaces.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from asyncio import Task
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

CHUNK = 256 * 1024
BACKLOG = 128
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class RelayTarget:
    """Where connections lead: an address, and what makes the socket that connects to it."""

    address: str
    port: int
    make: Callable[[], socket.socket] = socket.socket


@dataclass
class TcpRelay:
    """An open listener, where it leads, and its connections."""

    listener: socket.socket
    target: RelayTarget
    under_way: set[Task[None]] = field(default_factory=set)

    def open(self) -> None:
        """Begin to accept; call it on the loop."""
        self.listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self.listener, self._let_in)

    async def close(self) -> None:
        """Abort the connections and close the listener."""
        asyncio.get_running_loop().remove_reader(self.listener)
        self.listener.close()
        await self._abort()

    async def lead_to(self, target: RelayTarget) -> None:
        """Lead new connections there, if it is another target, and abort those under way."""
        if target != self.target:
            self.target = target
            await self._abort()

    async def _abort(self) -> None:
        for task in self.under_way:
            task.cancel()
        await asyncio.gather(*self.under_way, return_exceptions=True)

    def _let_in(self) -> None:
        """Accept a waiting client; from now on its connection is tracked."""
        try:
            client, _ = self.listener.accept()
        except OSError:
            return  # the client has disconnected
        task = asyncio.create_task(_carry(self.target, client))
        self.under_way.add(task)
        task.add_done_callback(lambda one: self._ended(one, client))

    def _ended(self, task: Task[None], client: socket.socket) -> None:
        self.under_way.discard(task)
        if task.cancelled() or task.exception():
            with contextlib.suppress(OSError):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        client.close()


class LoopThread:
    """An event loop on a thread of its own, started at the first use."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it on the loop's thread and wait for it."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name=self._name, daemon=True
            )
            self._thread.start()
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def end(self) -> None:
        """End the thread. Idempotent."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None


async def _carry(target: RelayTarget, client: socket.socket) -> None:
    """Copy both ways until both have ended; an error on one side aborts the other."""
    with target.make() as machine:
        for one in (client, machine):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        address = (target.address, target.port)
        await asyncio.get_running_loop().sock_connect(machine, address)
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
