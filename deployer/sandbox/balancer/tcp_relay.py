"""A Network Load Balancer's listener: a connection stays with the target that it was given.

Source: Network Load Balancers guide, "Deregistration delay" (established connections go on).
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter

from deployer.sandbox.balancer.flows import Flows
from deployer.sandbox.balancer.peer import CHUNK
from deployer.sandbox.balancer.plan import Target

Streams = tuple[StreamReader, StreamWriter]


async def carry(client: Streams, target: Target | None, flows: Flows) -> None:
    """Copy both ways until both have ended; an error, or no target, resets the client."""
    reader, writer = client
    try:
        if target is None:
            raise ConnectionRefusedError("no target")
        answers, questions = await asyncio.open_connection(target.address, target.port)
        with flows.on(target, questions):
            await _both_ways((reader, writer), (answers, questions))
    except* OSError:
        writer.transport.abort()


async def _both_ways(one: Streams, other: Streams) -> None:
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(one[0], other[1]))
            both.create_task(_copy(other[0], one[1]))
    except BaseException:
        other[1].transport.abort()
        raise
    other[1].close()


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    # When one side has ended, the other sees end of file, and may still send.
    with contextlib.suppress(OSError):
        writer.write_eof()
