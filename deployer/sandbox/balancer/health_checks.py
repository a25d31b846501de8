"""Health checks: one task for each target of a group that receives traffic.

Sources: Application Load Balancers guide, "Health checks" (a new target is healthy after one
success); Elastic Load Balancing API, CreateTargetGroup (thresholds, interval, timeout, Matcher) and
ObservedHealth (states and reasons).
"""

from __future__ import annotations

import asyncio
from asyncio import Task
from dataclasses import dataclass

import h11

from deployer.sandbox.balancer.peer import Peer
from deployer.sandbox.balancer.plan import (
    CHECKING,
    HEALTHY,
    HTTP,
    REGISTERING,
    Health,
    HealthCheck,
    Target,
    TargetKey,
)

SHORTEST_WAIT = 0.02
_FAILED = Health("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
_TIMED_OUT = Health("unhealthy", "Target.Timeout", "Request timed out")


@dataclass(frozen=True)
class ObservedHealth:
    """A target's health, and how many checks in a row said otherwise."""

    health: Health = CHECKING
    successes: int = 0
    failures: int = 0

    def after(self, result: Health, check: HealthCheck) -> ObservedHealth:
        """The tally after one more check; its `result` is HEALTHY or the reason why not."""
        if result.is_healthy:
            successes = self.successes + 1
            needed = check.first if self.health.state == "initial" else check.successes
            better = self.health.is_healthy or successes >= needed
            return ObservedHealth(HEALTHY if better else self.health, successes, 0)
        failures = self.failures + 1
        worse = self.health.state == "unhealthy" or failures >= check.failures
        return ObservedHealth(result if worse else self.health, 0, failures)


class HealthChecks:
    """Checks the targets it is given; runs in the event loop, `of` may be called from anywhere."""

    def __init__(self) -> None:
        self._tasks: dict[tuple[Target, HealthCheck], Task[None]] = {}
        self._found: dict[TargetKey, Health] = {}

    def of(self, target: TargetKey) -> Health:
        """The latest health of a target."""
        return self._found.get(target, REGISTERING)

    def follow(self, wanted: dict[Target, HealthCheck]) -> None:
        """Check these targets and no others; one that was removed begins as a new one again."""
        for pair in set(self._tasks) - set(wanted.items()):
            self._tasks.pop(pair).cancel()
            self._found.pop(pair[0].key, None)
        for pair in wanted.items():
            if pair not in self._tasks:
                self._found[pair[0].key] = CHECKING
                self._tasks[pair] = asyncio.create_task(self._watch(*pair))

    async def _watch(self, target: Target, check: HealthCheck) -> None:
        tally = ObservedHealth()
        while True:
            await asyncio.sleep(max(check.interval, SHORTEST_WAIT))
            tally = tally.after(await _probe(target, check), check)
            self._found[target.key] = tally.health


async def _probe(target: Target, check: HealthCheck) -> Health:
    try:
        async with asyncio.timeout(check.timeout):
            return await _ask(target, check)
    except TimeoutError:
        return _TIMED_OUT
    except (OSError, h11.RemoteProtocolError):
        return _FAILED


async def _ask(target: Target, check: HealthCheck) -> Health:
    port = check.port or target.port
    peer = await Peer.connect(target.address, port)
    try:
        if check.protocol != HTTP:
            return HEALTHY
        code = await _status(peer, check.path, f"{target.address}:{port}")
    finally:
        peer.abort()
    if matches(check.codes, code):
        return HEALTHY
    text = f"Health checks failed with these codes: [{code}]"
    return Health("unhealthy", "Target.ResponseCodeMismatch", text)


async def _status(peer: Peer, path: str, host: str) -> int:
    agent = ("User-Agent", "ELB-HealthChecker/2.0")
    headers = [("Host", host), agent, ("Connection", "close")]
    await peer.send(h11.Request(method="GET", target=path, headers=headers))
    await peer.send(h11.EndOfMessage())
    event = await peer.next_event()
    if not isinstance(event, h11.Response):
        raise ConnectionResetError("the target closed the connection without an answer")
    return event.status_code


def matches(codes: str, code: int) -> bool:
    """Whether a Matcher (`200`, `200-299`, `200,302`) accepts this status."""
    for part in codes.split(","):
        first, _, last = part.partition("-")
        if int(first) <= code <= int(last or first):
            return True
    return False
