"""An Application Load Balancer's listener: every request of a connection is routed on its own.

A client's connection stays open over changes of weights and targets; each request has its own
connection to the chosen target. Sources: Application Load Balancers guide, "Troubleshooting" (502:
the target refused or broke the connection; 503: no registered targets; 504: no answer in the idle
timeout), "HTTP headers" (X-Forwarded-*), "Deregistration delay" (requests in flight go on).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h11

from deployer.sandbox.balancer.flows import Flows
from deployer.sandbox.balancer.peer import Peer
from deployer.sandbox.balancer.plan import Reply, Target

CONNECT_SECONDS = 10.0
_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade", b"expect"}
)
Route = Callable[[str, str], Target | Reply]
"""Chooses by host and path."""


@dataclass(frozen=True)
class HttpRelay:
    """Serves the connections of one listener at one node."""

    route: Route
    flows: Flows
    port: int
    idle_timeout: float

    async def serve(self, client: Peer) -> None:
        """Answer the requests of a connection until one side ends it."""
        while True:
            try:
                async with asyncio.timeout(self.idle_timeout):
                    request = await client.next_event()
            except (TimeoutError, OSError, h11.RemoteProtocolError):
                return
            if not isinstance(request, h11.Request):
                return
            if not await self._answer(client, request):
                return
            client.protocol.start_next_cycle()

    async def _answer(self, client: Peer, request: h11.Request) -> bool:
        """Whether the connection may carry another request."""
        path = request.target.decode("ascii", "replace").partition("?")[0]
        chosen = self.route(_header(request, b"host"), path)
        try:
            if isinstance(chosen, Target):
                await self._forward(client, request, chosen)
            else:
                await _reply(client, chosen)
        except (OSError, TimeoutError, h11.ProtocolError):
            client.abort()
            return False
        return client.protocol.our_state is h11.DONE and client.protocol.their_state is h11.DONE

    async def _forward(self, client: Peer, request: h11.Request, target: Target) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                upstream = await Peer.connect(target.address, target.port)
        except (OSError, TimeoutError):
            await _reply(client, Reply(502, "Bad Gateway"))
            return
        try:
            with self.flows.on(target, upstream.writer):
                await self._exchange(client, upstream, self._outgoing(client, request))
        finally:
            upstream.abort()

    async def _exchange(self, client: Peer, upstream: Peer, request: h11.Request) -> None:
        try:
            await _send_request(client, upstream, request)
            async with asyncio.timeout(self.idle_timeout):
                response = await _response(upstream)
        except TimeoutError:
            await _reply(client, Reply(504, "Gateway Time-out"))
            return
        except (OSError, h11.RemoteProtocolError):
            await _reply(client, Reply(502, "Bad Gateway"))
            return
        await _send_response(client, upstream, response)

    def _outgoing(self, client: Peer, request: h11.Request) -> h11.Request:
        source = str(client.writer.get_extra_info("peername")[0])
        before = _header(request, b"x-forwarded-for")
        added = [
            (b"X-Forwarded-For", (f"{before}, {source}" if before else source).encode()),
            (b"X-Forwarded-Proto", b"http"),
            (b"X-Forwarded-Port", str(self.port).encode()),
            (b"Connection", b"close"),
        ]
        ours = {name.lower() for name, _ in added}
        kept = [(n, v) for n, v in _end_to_end(request) if n not in ours]
        return h11.Request(method=request.method, target=request.target, headers=[*kept, *added])


async def _send_request(client: Peer, upstream: Peer, request: h11.Request) -> None:
    await upstream.send(request)
    while isinstance(event := await client.next_event(), h11.Data):
        await upstream.send(h11.Data(data=bytes(event.data)))
    await upstream.send(h11.EndOfMessage())


async def _response(upstream: Peer) -> h11.Response:
    while isinstance(event := await upstream.next_event(), h11.InformationalResponse):
        pass
    if not isinstance(event, h11.Response):
        raise ConnectionResetError("the target closed the connection without an answer")
    return event


async def _send_response(client: Peer, upstream: Peer, response: h11.Response) -> None:
    """Copy the response; an error in the middle of it can only break the connection."""
    headers = _end_to_end(response)
    await client.send(h11.Response(status_code=response.status_code, headers=headers))
    while isinstance(event := await upstream.next_event(), h11.Data):
        await client.send(h11.Data(data=bytes(event.data)))
    await client.send(h11.EndOfMessage())


async def _reply(client: Peer, reply: Reply) -> None:
    """Answer in the target's place, after the whole request has been read."""
    while client.protocol.their_state is h11.SEND_BODY:
        await client.next_event()
    body = reply.body.encode()
    headers = [
        ("Server", "awselb/2.0"),
        ("Content-Type", reply.content_type),
        ("Content-Length", str(len(body))),
    ]
    await client.send(h11.Response(status_code=reply.status, headers=headers))
    await client.send(h11.Data(data=body))
    await client.send(h11.EndOfMessage())


def _end_to_end(message: h11.Request | h11.Response) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in message.headers if name not in _HOP_BY_HOP]


def _header(message: Any, name: bytes) -> str:
    return next((v.decode("latin-1") for n, v in message.headers if n == name), "")
