"""Long lists that a client pages through: made and sorted once, as long as nothing changes.

A fleet of 50,000 machines has a million tags. Without this each of its 300 pages would be picked
anew out of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any


class Listings:
    """The lists made since the last change, by what was asked for. Guarded by the cloud's lock."""

    def __init__(self) -> None:
        self._made: dict[Hashable, list[Any]] = {}

    def changed(self) -> None:
        """Something was made, changed or deleted: every list is stale."""
        self._made.clear()

    def get(self, asked: Hashable, make: Callable[[], list[Any]]) -> list[Any]:
        """The list that answers `asked`."""
        if asked not in self._made:
            self._made[asked] = make()
        return self._made[asked]
