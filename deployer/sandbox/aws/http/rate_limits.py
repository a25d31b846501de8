"""Optional request limits of EC2 and Route 53: token buckets with AWS's figures.

Off by default: most tests do not concern them, and deleting 10,000 machines at AWS's rate takes
seven minutes. The figures are repeated here on purpose, beside those that the product uses: a
mistake there must fail against the true values here. Sources: EC2 Developer Guide, "Throttling for
the EC2 API"; Route 53 Developer Guide, quotas (five requests a second an account).
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from deployer.sandbox.aws.http.request import ApiCall
from deployer.sandbox.faults import FaultBook

READ, WHOLE, WRITE = (100, 20), (50, 10), (50, 5)
"""Tokens of a full bucket, and tokens refilled per second."""

CALLS = {
    "RunInstances": (5, 2),
    "StartInstances": (5, 2),
    "TerminateInstances": (100, 5),
    "CreateTags": (100, 10),
    "DeleteTags": (100, 10),
    "CreateSnapshot": (100, 5),
    "CreateSnapshots": (100, 5),
    "CreateVolume": (100, 5),
    "DeleteVolume": (100, 5),
    "DeleteSnapshot": (100, 5),
    "DeregisterImage": (100, 5),
    "CreateNetworkInterface": (100, 5),
    "DeleteNetworkInterface": (100, 5),
    "CopyImage": (100, 1),
}
MACHINES = {
    "RunInstances": (1000, 2),
    "StartInstances": (1000, 2),
    "StopInstances": (1000, 20),
    "TerminateInstances": (1000, 20),
}
COSTLY_WHEN_WHOLE = frozenset(
    {
        "DescribeInstances",
        "DescribeInstanceStatus",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroups",
        "DescribeSnapshots",
        "DescribeSpotInstanceRequests",
        "DescribeVolumes",
    }
)


class Limits:
    """Whether a call is within its buckets, separate per region. The caller holds the lock."""

    def __init__(self, faults: FaultBook) -> None:
        self._faults = faults
        self._speed = 0.0
        self._levels: dict[str, tuple[float, float]] = {}

    def admit(self, call: ApiCall) -> bool:
        """Take the call's tokens; False where a bucket has too few and the call is refused."""
        if self._faults.limits != self._speed:
            self._speed = self._faults.limits
            self._levels.clear()
        if self._speed <= 0:
            return True
        now = time.monotonic()
        wanted = [(f"{call.region} {name}", size, n) for name, size, n in _tokens(call)]
        levels = [self._level(name, size, now) for name, size, _ in wanted]
        admitted = all(level >= n for level, (_, _, n) in zip(levels, wanted, strict=True))
        for level, (name, _, n) in zip(levels, wanted, strict=True):
            self._levels[name] = (level - n if admitted else level, now)
        return admitted

    def _level(self, key: str, size: tuple[float, float], now: float) -> float:
        full, rate = size
        level, then = self._levels.get(key, (full, now))
        return min(full, level + (now - then) * rate * self._speed)


def _tokens(call: ApiCall) -> Iterator[tuple[str, tuple[float, float], int]]:
    """The buckets of a call: name, size and rate, tokens to take."""
    if call.service == "route53":
        yield "route53", (5, 5), 1
    if call.service != "ec2":
        return
    if call.action in CALLS:
        yield call.action, CALLS[call.action], 1
    elif call.mutating:
        yield "mutating", WRITE, 1
    elif call.whole and call.action in COSTLY_WHEN_WHOLE:
        yield "unfiltered", WHOLE, 1
    else:
        yield "non-mutating", READ, 1
    if call.action in MACHINES:
        yield f"{call.action} machines", MACHINES[call.action], call.machines
