"""Every create is accounted for (protocol.md, rule 8).

A create whose reply was lost is looked up by its token or name, and then sent again unchanged.
Until one of the two determines its outcome the create stays unclear, also over several calls: a
definite refusal of the second request says nothing about the first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from reconciler.aws.client.retry import AWS_BACKOFF, throttled_or_unclear
from reconciler.errors import AccessDenied, CloudError, CloudUnclear, ToolError
from reconciler.util.backoff import Backoff

T = TypeVar("T")

CREATE_BACKOFF = replace(AWS_BACKOFF, deadline=60.0)


class NameTaken(CloudError):
    """A foreign resource has the name: ours was not created, and cannot be."""


@dataclass(frozen=True)
class Creation:
    """Sends creates and remembers which are unclear, by token or name."""

    backoff: Backoff = CREATE_BACKOFF
    unclear: set[str] = field(default_factory=set)

    def settle(self, key: str, send: Callable[[], T], look: Callable[[], T | None]) -> T:
        """What `send` creates, or what `look` finds of an earlier request of the same `key`.

        Raises CloudUnclear if it could not be settled, else what `send` raised.
        """

        def attempt() -> T:
            try:
                return send()
            except CloudUnclear:
                self.unclear.add(key)
                found = _looked(look)
                if found is None:  # right after a create this proves nothing: send it again
                    raise
                return found

        try:
            made = self.backoff.retry(attempt, throttled_or_unclear)
        except CloudUnclear:
            raise
        except ToolError as error:
            if key not in self.unclear:
                raise
            return self._last_look(key, look, error)
        self.unclear.discard(key)
        return made

    def _last_look(self, key: str, look: Callable[[], T | None], error: ToolError) -> T:
        found = _looked(look)
        if found is None:
            code = error.code if isinstance(error, CloudError) else ""
            raise CloudUnclear(
                f"an earlier request may still be carried out: {error.message}", code=code
            ) from error
        self.unclear.discard(key)
        return found


def _looked(look: Callable[[], T | None]) -> T | None:
    """The result of a lookup. A failed lookup leaves the create as unclear as before."""
    try:
        return look()
    except NameTaken:
        raise
    except (CloudError, AccessDenied) as error:
        raise CloudUnclear(f"it may or may not have been created: {error.message}") from error
