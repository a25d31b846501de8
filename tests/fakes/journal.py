"""A journal in memory that keeps S3's promises, and fails in every way that it may."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

from reconciler.errors import AccessDenied, CloudError, CloudUnclear, SwapLost
from reconciler.ports.objects import StoredObject


class FakeJournal:
    """Objects by key. `fault` is called before every request, with its name and key."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.fault: Callable[[str, str], object] = lambda _request, _key: None
        self.lose_replies = 0
        self.writes: list[str] = []
        self._lock = threading.Lock()

    def put(self, key: str, body: bytes, replaces: str | None) -> str:
        """Write if the version is still that."""
        self.fault("put", key)
        with self._lock:
            stored = self.objects.get(key)
            if (None if stored is None else _version(stored)) != replaces:
                raise SwapLost(f"another version of {key} is stored")
            self.objects[key] = body
            self.writes.append(key)
            if self.lose_replies:
                self.lose_replies -= 1
                raise CloudUnclear("the reply was lost")
        return _version(body)

    def get(self, key: str) -> StoredObject | None:
        """The object."""
        self.fault("get", key)
        body = self.objects.get(key)
        return None if body is None else StoredObject(body, _version(body))

    def keys(self, service: str, after: str = "") -> Iterator[str]:
        """The keys of the service, in order."""
        self.fault("list", service)
        first = f"{service}/"
        yield from (
            key for key in sorted(self.objects) if key.startswith(first) and key > first + after
        )


def _version(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def unreachable(_request: str, _key: str) -> NoReturn:
    """No answer."""
    raise CloudError("s3:PutObject: no answer: connection refused")


def denied(_request: str, _key: str) -> NoReturn:
    """Not allowed."""
    raise AccessDenied("s3:PutObject is denied: AccessDenied")


class Slow:
    """Every request hangs until the test lets it go."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, _request: str, _key: str) -> None:
        self.go_on.wait(60)


def broken(_request: str, _key: str) -> NoReturn:
    """A fault of the code itself."""
    raise RuntimeError("a bug in the edge")
