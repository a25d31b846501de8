"""One side of an HTTP/1.1 connection: h11's protocol over asyncio's streams."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from typing import Any

import h11

CHUNK = 64 * 1024


class Peer:
    """A connection to a client (`h11.SERVER`: we are the server) or to a target."""

    def __init__(self, role: type[h11.CLIENT | h11.SERVER], streams: Any) -> None:
        self.protocol = h11.Connection(role)
        self._reader: StreamReader = streams[0]
        self.writer: StreamWriter = streams[1]

    @staticmethod
    async def connect(address: str, port: int) -> Peer:
        """Connect to a target. Raises OSError."""
        return Peer(h11.CLIENT, await asyncio.open_connection(address, port))

    async def next_event(self) -> Any:
        """The next event of the other side.

        Raises:
            OSError, h11.RemoteProtocolError: the connection or its content broke.
        """
        while (event := self.protocol.next_event()) is h11.NEED_DATA:
            if self.protocol.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            self.protocol.receive_data(await self._reader.read(CHUNK))
        return event

    async def send(self, event: Any) -> None:
        """Send an event to the other side. Raises OSError."""
        data = self.protocol.send(event)
        if data:
            self.writer.write(data)
            await self.writer.drain()

    def abort(self) -> None:
        """Close at once, without waiting for what was not sent."""
        self.writer.transport.abort()
