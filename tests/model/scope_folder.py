"""The folder of a run as a value of a model's world, and runs whose files are kept wrongly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from reconciler.errors import Refused
from reconciler.model.reading import LedgerAddress, Reading
from reconciler.model.tag_summary import TagSummary
from reconciler.ports.objects import StoredObject
from reconciler.sweep.scopes import frozen_ledgers, inventory_file
from reconciler.sweep.scopes.frozen_ledgers import FrozenLedgers
from reconciler.sweep.scopes.inventory_file import ScopeInventory
from reconciler.sweep.scopes.run_files import INVENTORY, RunFiles, key_of
from tests.model.cast import EARLY, PLACE

ADDRESS = LedgerAddress("shop", "Z1", "example.com", "shop.example.com")

Files = tuple[tuple[str, bytes], ...]
"""Keys and contents, sorted: two folders with the same files are one value."""


class Folder:
    """A folder in memory: implements `reconciler.ports.objects.Objects`."""

    def __init__(self, files: Files) -> None:
        self._files = dict(files)

    @property
    def files(self) -> Files:
        """What is in it now."""
        return tuple(sorted(self._files.items()))

    def put(self, key: str, body: bytes) -> str:
        self._files[key] = body
        return _version(body)

    def put_first(self, key: str, body: bytes) -> bytes:
        return self._files.setdefault(key, body)

    def get(self, key: str) -> StoredObject | None:
        body = self._files.get(key)
        return StoredObject(body, _version(body)) if body is not None else None

    def versions(self, folder: str) -> Iterator[tuple[str, str]]:
        for key, body in self.files:
            if key.startswith(f"{folder}/"):
                yield key, _version(body)


def _version(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:12]


class AnyInventory(RunFiles):
    """Takes the inventory that is there now, whichever the ledgers judge."""

    def frozen(self, scope: str) -> tuple[FrozenLedgers, ScopeInventory]:
        ledgers = self.objects.get(key_of("ledgers", scope))
        inventory = self.objects.get(key_of(INVENTORY, scope))
        if ledgers is None or inventory is None:
            return super().frozen(scope)
        return frozen_ledgers.decode(ledgers.body), inventory_file.decode(inventory.body)


class MissingIsEmpty(RunFiles):
    """A scope that nobody has read counts as one in which there is nothing."""

    def frozen(self, scope: str) -> tuple[FrozenLedgers, ScopeInventory]:
        try:
            return super().frozen(scope)
        except Refused:
            reading = Reading(ADDRESS, EARLY)
            ledgers = FrozenLedgers(scope, "", {"shop": (ADDRESS, reading)}, {})
            return ledgers, ScopeInventory(EARLY, TagSummary(PLACE))
