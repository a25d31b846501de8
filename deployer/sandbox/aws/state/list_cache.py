"""A cache of long lists that a client pages through: built and sorted once, until a change.

A fleet of 50,000 machines has a million tags. Without the cache each of its 300 pages would be
selected from all of them again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any


class Listings:
    """The lists built since the last change, by request. Guarded by the cloud's lock."""

    def __init__(self) -> None:
        self._made: dict[Hashable, list[Any]] = {}

    def changed(self) -> None:
        """A resource was created, changed or deleted: drop every list."""
        self._made.clear()

    def get(self, asked: Hashable, make: Callable[[], list[Any]]) -> list[Any]:
        """The list that answers `asked`."""
        if asked not in self._made:
            self._made[asked] = make()
        return self._made[asked]
