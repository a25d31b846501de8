"""A command that fails after the swap that decided: it says so, and how it is finished."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.errors import DirtRemains, ToolError
from reconciler.util.signals import Interrupted


@contextmanager
def followed(decided: str, again: str) -> Iterator[None]:
    """What the ledger says stands already: a failure or a signal in the body leaves work to do.

    `decided`: what the ledger says now. `again`: the command that finishes it. Raises DirtRemains
    (exit 4) instead of an error whose exit code would say that everything is as it was.
    """
    try:
        yield
    except (ToolError, Interrupted) as error:
        first = f"{error.cure}\n" if isinstance(error, ToolError) and error.cure else ""
        raise DirtRemains(
            f"{decided}, but not everything followed: {error}",
            detail=error.detail if isinstance(error, ToolError) else "",
            cure=f"{first}To finish it         {again}",
        ) from error
