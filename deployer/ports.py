"""The inputs of a release: its service, the ports, and the listener."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from deployer.compute import Compute
from reconciler.config.service import Service
from reconciler.cost.price_list import Prices
from reconciler.machine.host_key import PinnedKey, PublicHostKey
from reconciler.machine.shell import Shell
from reconciler.machine.ssh import MachineAddress
from reconciler.ports.journal.store import JournalStore
from reconciler.ports.ledger_store import LedgerStore
from reconciler.ports.service import ManagedService
from reconciler.util.secret import Reference, Secret


class Connector(Protocol):
    """Opens SSH sessions on machines of the service."""

    def connect(
        self,
        machine: MachineAddress,
        host_key: PinnedKey,
        deadline: float,
        sleep: Callable[[float], None],
    ) -> Shell:
        """A session on the machine that holds `host_key`. Raises CannotConnect.

        `sleep` is called between two tries; an exception from it ends the tries.
        """

    def shown_key(self, machine: MachineAddress, deadline: float) -> PublicHostKey:
        """The unproved host key that a machine shows, for a person to compare (`adopt`)."""


@dataclass(frozen=True)
class Ports:
    """Everything outside the process that a use case of the deployer uses.

    `ledgers_in` returns the ledgers in the zones of another account, by its id. `journal` tells
    what became of earlier commands; None if none is configured.
    """

    service: Service
    managed: ManagedService
    compute: Compute
    connector: Connector
    resolve: Callable[[Reference], Secret]
    by: str
    prices: Prices
    ledgers_in: Callable[[str], LedgerStore]
    journal: JournalStore | None = None
