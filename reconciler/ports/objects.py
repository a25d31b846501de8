"""The port to a folder of objects, where the files of a run are: on a disk, or in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class StoredObject:
    """An object's content, and its version, which a conditional write names.

    Another content has another version.
    """

    body: bytes
    version: str


class Objects(Protocol):
    """A folder of objects. Every method raises ConfigError, AccessDenied, CloudError."""

    def put(self, key: str, body: bytes) -> str:
        """Write the object, whatever was there; returns its version."""
        ...

    def put_first(self, key: str, body: bytes) -> bytes:
        """Write the object unless there is one; returns what is there now: the first writer's."""
        ...

    def get(self, key: str) -> StoredObject | None:
        """The object; None if there is none."""
        ...

    def versions(self, folder: str) -> Iterator[tuple[str, str]]:
        """Key and version of every object in a folder below this one; '' is this one."""
        ...
