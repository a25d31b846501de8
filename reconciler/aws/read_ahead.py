"""An inventory whose first scan begins before anybody asks for it: the ledger's zone is found then.

The order of reading stays (rule 2): the scan begins earlier than it would, the ledger is read after
its end as ever. Used by commands that only look, and by a release's guard, which refuses by it and
carries nothing out (adr/0032).
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, field

from reconciler.aws.inventory import Ec2Inventory
from reconciler.model.resource import Inventory
from reconciler.util.concurrency import begun

FRESH = 5.0
"""Seconds for which a scan that was begun ahead is an answer: as long as a look at the ledger."""


@dataclass(frozen=True)
class ReadAhead(Ec2Inventory):
    """`Ec2Inventory`; `begin` makes its next scan begin at once, for one answer."""

    _begun: list[tuple[float, Future[Inventory]]] = field(default_factory=list, kw_only=True)

    def begin(self) -> None:
        """Begin the scan. What it raises is raised where it is asked for."""
        self._begun.append((time.monotonic(), begun(super().scan)))

    def scan(self, *, unfinished_only: bool = False) -> Inventory:
        if self._begun and not unfinished_only:
            began, ahead = self._begun.pop()
            if time.monotonic() - began < FRESH:
                return ahead.result()
        return super().scan(unfinished_only=unfinished_only)
