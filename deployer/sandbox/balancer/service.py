"""Runs the sandbox's load balancers: one thread with an event loop, while there are any."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from asyncio import Server, StreamReader, StreamWriter, Task
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import h11

from deployer.sandbox.balancer import tcp_relay
from deployer.sandbox.balancer.flows import Flows
from deployer.sandbox.balancer.health_checks import HealthChecks
from deployer.sandbox.balancer.http_relay import HttpRelay
from deployer.sandbox.balancer.peer import Peer
from deployer.sandbox.balancer.plan import (
    HTTP,
    Health,
    HealthCheck,
    Listener,
    Node,
    Plan,
    Reply,
    Target,
    TargetKey,
)
from deployer.sandbox.balancer.routing import candidates, choose_group, find_rule

_BACKLOG = 256
_UNAVAILABLE = Reply(503, "Service Temporarily Unavailable")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ListenerAddress:
    """Where a listener accepts connections; what it does with them is in the plan."""

    listener: str
    protocol: str
    port: int
    node: Node


Clients = dict[Task[Any], StreamWriter]


@dataclass
class _Open:
    """An open port, and the connections of its clients."""

    server: Server
    clients: Clients = field(default_factory=dict)


class Balancers:
    """`LoadBalancers` on loopback; `close` ends them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._plan = Plan()
        self._listeners: dict[str, Listener] = {}
        self._open: dict[ListenerAddress, _Open] = {}
        self._checks = HealthChecks()
        self._flows = Flows()
        self._draining: set[Target] = set()
        self._turns: Counter[str] = Counter()

    def follow(self, plan: Plan) -> None:
        """Close the removed ports with their connections, open the new ones, change the rest.

        A port that cannot be opened (an ordinary user and a port below 1024) is logged and skipped.
        """
        with self._lock:
            if plan != self._plan:
                self._run(self._change(plan))
            if not plan.balancers:
                self._end_loop()

    def health(self, target: TargetKey) -> Health:
        return self._checks.of(target)

    def close(self) -> None:
        """Close every port and end the thread. Idempotent."""
        self.follow(Plan())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="sandbox-balancer", daemon=True
            )
            self._thread.start()
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end_loop(self) -> None:
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._draining.clear()
        self._loop = self._thread = None

    async def _change(self, plan: Plan) -> None:
        self._plan = plan
        self._listeners = {one.arn: one for b in plan.balancers for one in b.listeners}
        self._checks.follow(_checked(plan))
        self._end_flows_later(plan)
        places = {
            ListenerAddress(listener.arn, listener.protocol, listener.port, node)
            for balancer in plan.balancers
            for listener in balancer.listeners
            for node in balancer.nodes
        }
        for place in set(self._open) - places:
            await _close(self._open.pop(place))
        for place in places - set(self._open):
            await self._listen(place)

    def _end_flows_later(self, plan: Plan) -> None:
        """End the connections of deregistering targets when their delay has passed."""
        loop = asyncio.get_running_loop()
        for group in plan.groups.values():
            for target in group.targets:
                if target.drains_until and group.ends_flows and target not in self._draining:
                    self._draining.add(target)
                    loop.call_at(target.drains_until, self._drained, target)

    def _drained(self, target: Target) -> None:
        self._draining.discard(target)
        group = self._plan.groups.get(target.group)
        present = {one.key: one for one in group.targets} if group else {}
        # A target that was registered again meanwhile keeps its connections.
        if present.get(target.key, target).drains_until:
            self._flows.end(target.key)

    async def _listen(self, place: ListenerAddress) -> None:
        clients: Clients = {}

        def accept(reader: StreamReader, writer: StreamWriter) -> None:
            task = asyncio.create_task(self._serve(place, reader, writer))
            clients[task] = writer
            task.add_done_callback(lambda one: _ended(one, clients))

        address = place.node.address
        try:
            server = await asyncio.start_server(accept, address, place.port, backlog=_BACKLOG)
        except OSError as refused:
            _log.warning("no listener at %s:%s: %s", address, place.port, refused)
            return
        self._open[place] = _Open(server, clients)

    async def _serve(
        self, place: ListenerAddress, reader: StreamReader, writer: StreamWriter
    ) -> None:
        if place.protocol != HTTP:
            chosen = self._choose(place, "", "")
            target = chosen if isinstance(chosen, Target) else None
            await tcp_relay.carry((reader, writer), target, self._flows)
            return
        idle = self._listeners[place.listener].idle_timeout
        relay = HttpRelay(lambda *asked: self._choose(place, *asked), self._flows, place.port, idle)
        await relay.serve(Peer(h11.SERVER, (reader, writer)))

    def _choose(self, place: ListenerAddress, host: str, path: str) -> Target | Reply:
        """The target of a new request, by the plan as it is now."""
        listener = self._listeners.get(place.listener)
        if listener is None:
            return _UNAVAILABLE
        rule = find_rule(listener, host, path)
        if rule.reply is not None:
            return rule.reply
        arn = choose_group(rule, random.random())
        group = self._plan.groups.get(arn or "")
        found = candidates(group, place.node, self._health_of) if group else []
        if not found or arn is None:
            return _UNAVAILABLE
        self._turns[arn] += 1
        return found[self._turns[arn] % len(found)]

    def _health_of(self, target: Target) -> Health:
        return self._checks.of(target.key)


def _checked(plan: Plan) -> dict[Target, HealthCheck]:
    return {
        target: group.check
        for group in plan.groups.values()
        for target in group.targets
        if not target.drains_until
    }


def _ended(task: Task[Any], clients: Clients) -> None:
    clients.pop(task).close()  # what is still to be sent is sent, unless the connection was aborted
    if not task.cancelled() and task.exception() is not None:
        _log.error("a connection of a load balancer failed", exc_info=task.exception())


async def _close(port: _Open) -> None:
    port.server.close()
    for task, writer in port.clients.items():
        task.cancel()
        writer.transport.abort()
    await asyncio.gather(*port.clients, return_exceptions=True)
    await port.server.wait_closed()
