"""The port to where the journal is kept. S3 implements it in `reconciler.aws.s3.journal`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from reconciler.ports.objects import StoredObject


class JournalStore(Protocol):
    """Objects below one prefix. Every method raises CloudError or AccessDenied, in its own time.

    No outcome may depend on it: callers warn, and go on.
    """

    def put(self, key: str, body: bytes, replaces: str | None) -> str:
        """Write the object if it is still version `replaces`, or if there is none for None.

        Returns its new version. Raises SwapLost if another version is stored.
        """
        ...

    def get(self, key: str) -> StoredObject | None:
        """The object; None if there is none."""

    def keys(self, service: str, after: str = "") -> Iterator[str]:
        """The keys of a service in their order, those after `service/after` alone.

        They begin with the id, so this is the order of time.
        """
        ...
