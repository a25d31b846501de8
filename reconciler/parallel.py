"""One function per machine, side by side: wait for all, forget no outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from reconciler.errors import ToolError

T = TypeVar("T")
R = TypeVar("R")

MAX_THREADS = 32


def side_by_side(items: Sequence[T], act: Callable[[T], R]) -> list[R]:
    """`act` of every item at once; the results in the order of the items.

    Waits for every item even when one fails, then raises the first error (by order), with the
    other errors listed in its `detail`. An interrupt of the caller does not wait: what has not
    begun is dropped, and what runs ends when the caller closes its sessions.
    """
    if not items:
        return []
    pool = ThreadPoolExecutor(min(len(items), MAX_THREADS), thread_name_prefix="machine")
    try:
        futures = [pool.submit(act, item) for item in items]
        errors = [future.exception() for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    _raise_first([error for error in errors if error is not None])
    return _results(futures)


def _results(futures: list[Future[R]]) -> list[R]:
    return [future.result() for future in futures]


def _raise_first(errors: list[BaseException]) -> None:
    if not errors:
        return
    first, others = errors[0], errors[1:]
    if others:
        listed = "\n".join(["", "and at the same time:", *(f"  {other}" for other in others)])
        if isinstance(first, ToolError):
            first.detail = (first.detail + listed).lstrip("\n")
        else:
            first.add_note(listed.lstrip("\n"))
    raise first
