"""The connections to targets that are open: what a deregistration waits for, and then ends."""

from __future__ import annotations

from asyncio import StreamWriter
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from deployer.sandbox.balancer.plan import Target, TargetKey


class Flows:
    """Open connections by target. Used in the event loop only."""

    def __init__(self) -> None:
        self._open: defaultdict[TargetKey, set[StreamWriter]] = defaultdict(set)

    @contextmanager
    def on(self, target: Target, writer: StreamWriter) -> Iterator[None]:
        """While the block runs, the connection counts as one to this target."""
        self._open[target.key].add(writer)
        try:
            yield
        finally:
            self._open[target.key].discard(writer)

    def end(self, target: TargetKey) -> None:
        """Break every connection to the target."""
        for writer in self._open.pop(target, set()):
            writer.transport.abort()
