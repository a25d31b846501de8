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
UNDER_WAY = 64
"""Chunks on a long line; who sends more waits."""
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class RelayTarget:
    """Where connections lead: an address, and what makes the socket that connects to it."""

    address: str
    port: int
    make: Callable[[], socket.socket] = socket.socket


def no_distance() -> float:
    """No time at all, as between two processes of one computer."""
    return 0.0


@dataclass
class TcpRelay:
    """An open listener, where it leads, and its connections."""

    listener: socket.socket
    target: RelayTarget
    round_trip: Callable[[], float] = no_distance
    """How many seconds a packet and its answer are under way: asked for each new connection."""
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
        task = asyncio.create_task(_carry(self.target, client, self.round_trip()))
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


async def _carry(target: RelayTarget, client: socket.socket, round_trip: float) -> None:
    """Copy both ways until both have ended; an error on one side aborts the other."""
    if round_trip:
        await asyncio.sleep(round_trip)  # TCP's own greeting
    with target.make() as machine:
        for one in (client, machine):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        address = (target.address, target.port)
        await asyncio.get_running_loop().sock_connect(machine, address)
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(client, machine, round_trip / 2))
            both.create_task(_copy(machine, client, round_trip / 2))


async def _copy(here: socket.socket, there: socket.socket, delay: float) -> None:
    """Copy until the end; what arrives is passed on `delay` seconds later, as on a long line."""
    if delay:
        await _copy_late(here, there, delay)
    else:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(here, CHUNK):
            await loop.sock_sendall(there, data)
    # When one side has ended, the other sees end of file, and may still send.
    with contextlib.suppress(OSError):
        there.shutdown(socket.SHUT_WR)


async def _copy_late(here: socket.socket, there: socket.socket, delay: float) -> None:
    """Read on while earlier bytes are under way: a long line is slow to answer, not narrow."""
    loop = asyncio.get_running_loop()
    line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(UNDER_WAY)

    async def receive() -> None:
        data = b"."
        while data:
            data = await loop.sock_recv(here, CHUNK)
            await line.put((loop.time() + delay, data))

    async with asyncio.TaskGroup() as both:
        both.create_task(receive())
        both.create_task(_deliver(line, there))


async def _deliver(line: asyncio.Queue[tuple[float, bytes]], there: socket.socket) -> None:
    """Pass on what has arrived by now, up to the empty end."""
    loop = asyncio.get_running_loop()
    while True:
        due, data = await line.get()
        if not data:
            return
        await asyncio.sleep(due - loop.time())
        await loop.sock_sendall(there, data)
