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


async def carry(
    client: tuple[StreamReader, StreamWriter], target: Target | None, flows: Flows
) -> None:
    """Copy both ways until both have ended; without a target the client sees a reset."""
    reader, writer = client
    try:
        if target is None:
            return
        answers, questions = await asyncio.open_connection(target.address, target.port)
        with flows.on(target, questions):
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(_copy(reader, questions))
                    both.create_task(_copy(answers, writer))
            finally:
                questions.transport.abort()
    except* OSError:
        pass  # one side broke the connection: the other one is broken below
    finally:
        writer.transport.abort()


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    # When one side has ended, the other sees end of file, and may still send.
    with contextlib.suppress(OSError):
        writer.write_eof()
