"""An inventory whose first scan begins before anybody asks for it.

For commands that only look: the ledger's zone is found meanwhile. The order of reading stays (rule
2): the scan begins earlier than it would, the ledger is read after its end as ever.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

from reconciler.aws.inventory import Ec2Inventory
from reconciler.model.resource import Inventory
from reconciler.util.concurrency import begun


@dataclass(frozen=True)
class ReadAhead(Ec2Inventory):
    """`Ec2Inventory`; `begin` makes its next scan begin at once, for one answer."""

    _begun: list[Future[Inventory]] = field(default_factory=list, kw_only=True)

    def begin(self) -> None:
        """Begin the scan. What it raises is raised where it is asked for."""
        self._begun.append(begun(super().scan))

    def scan(self, *, unfinished_only: bool = False) -> Inventory:
        if self._begun and not unfinished_only:
            return self._begun.pop().result()
        return super().scan(unfinished_only=unfinished_only)
