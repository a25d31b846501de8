"""The files of one run, by their names.

scopes.json               what the run covers, for the maps
inventory/<scope>.json    the first map's result
ledgers/<scope>.json      the ledgers of the scope, and the version of the inventory that they judge
plans/<scope>.json        what the execution of the scope may delete, however often it is begun
results/<scope>.json      how it ended
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.errors import ConfigError, Refused
from reconciler.plan import plan_file
from reconciler.plan.plan_file import PlanFile
from reconciler.ports.objects import Objects
from reconciler.sweep.scopes import frozen_ledgers, inventory_file, result
from reconciler.sweep.scopes.frozen_ledgers import FrozenLedgers
from reconciler.sweep.scopes.inventory_file import ScopeInventory
from reconciler.sweep.scopes.result import ScopeResult

SCOPES = "scopes.json"
INVENTORY = "inventory"


def key_of(folder: str, scope: str) -> str:
    """The key of a scope's file in a folder."""
    return f"{folder}/{scope.replace('/', '_')}.json"


@dataclass(frozen=True)
class RunFiles:
    """Reads and writes the files of one run. `name` is that of its folder."""

    objects: Objects
    name: str

    def begin(self, scopes: Iterable[dict[str, Any]]) -> None:
        """Write which scopes the run covers: the list that the maps read.

        Raises ConfigError in the folder of another run: what a worker that dies does not replace
        would count as this run's.
        """
        if any(next(self.objects.versions(one), None) for one in (INVENTORY, "ledgers", "results")):
            raise ConfigError(
                f"{self.name} has the files of another run: each run begins in an empty folder",
                cure="To begin one in a new folder   reconciler scopes --run DIR",
            )
        self.objects.put(SCOPES, json.dumps(list(scopes)).encode())

    def scopes(self) -> tuple[str, ...]:
        """The scopes that the run covers. Raises ConfigError before `begin`."""
        found = self.objects.get(SCOPES)
        if found is None:
            cure = "To begin it   reconciler scopes --run DIR"
            raise ConfigError(f"the run {self.name} has not begun: it has no {SCOPES}", cure=cure)
        return tuple(str(one["scope"]) for one in json.loads(found.body))

    def put_inventory(self, inventory: ScopeInventory) -> None:
        """Write the result of the first map; a later one replaces it."""
        key = key_of(INVENTORY, str(inventory.index.place))
        self.objects.put(key, inventory_file.encode(inventory))

    def inventories(self) -> dict[str, str]:
        """The versions of the inventories that are there now, by key."""
        return dict(self.objects.versions(INVENTORY))

    def freeze(self, frozen: FrozenLedgers) -> None:
        """Write the scope's ledgers; what an earlier try wrote stands: execution may use it."""
        self.objects.put_first(key_of("ledgers", frozen.scope), frozen_ledgers.encode(frozen))

    def frozen(self, scope: str) -> tuple[FrozenLedgers, ScopeInventory]:
        """The scope's ledgers, and the very inventory that they judge.

        Raises Refused if there are none, or if the inventory was read again after the ledgers: the
        ledgers are older than that one, and the next run decides.
        """
        found = self.objects.get(key_of("ledgers", scope))
        if found is None:
            raise Refused(
                f"{scope}: its inventory was not there when the ledgers of this run were read",
                cure=f"To sweep it   reconciler sweep --scope {scope}",
            )
        ledgers = frozen_ledgers.decode(found.body)
        inventory = self.objects.get(key_of(INVENTORY, scope))
        if inventory is None or inventory.version != ledgers.inventory:
            raise Refused(
                f"{scope}: its inventory was read again after the ledgers of this run",
                cure=f"To sweep it   reconciler sweep --scope {scope}",
            )
        return ledgers, inventory_file.decode(inventory.body)

    def agree(self, scope: str, plan: PlanFile) -> PlanFile:
        """The plan that this scope is executed by: that of the first try of this run."""
        text = plan_file.encode(plan, {}).encode()
        standing = self.objects.put_first(key_of("plans", scope), text)
        return plan_file.decode(standing.decode())

    def put_result(self, done: ScopeResult) -> None:
        """Write how the scope ended."""
        self.objects.put(key_of("results", done.scope), result.encode(done))
