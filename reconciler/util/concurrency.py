"""Runs one function per machine in parallel: waits for all, keeps every outcome."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from reconciler.errors import ToolError

T = TypeVar("T")
R = TypeVar("R")

MAX_THREADS = 32


def side_by_side(items: Sequence[T], act: Callable[[T], R]) -> list[R]:
    """Calls `act` for every item at once; the results are in the order of the items.

    Waits for every item even when one fails, then raises the first error (by order), with the
    other errors listed in its `detail`. An interrupt of the caller does not wait: jobs not yet
    begun are dropped, running ones end when the caller closes its sessions, or with the process.
    """
    futures: list[Future[R]] = [Future() for _ in items]
    jobs = deque(zip(items, futures, strict=True))
    for number in range(min(len(items), MAX_THREADS)):
        # Daemons: at its exit Python waits for every other thread, so a release that was undone
        # would not end before a smoke test or a connection that is not needed any more gives up.
        name = f"machine-{number}"
        threading.Thread(target=_work, args=(jobs, act), name=name, daemon=True).start()
    try:
        errors = [future.exception() for future in futures]
    finally:
        jobs.clear()
    _raise_first([error for error in errors if error is not None])
    return [future.result() for future in futures]


def begun(act: Callable[[], R]) -> Future[R]:
    """Calls `act` beside the caller, who waits for its end before anything depends on it."""
    future: Future[R] = Future()
    job = deque([(None, future)])
    threading.Thread(target=_work, args=(job, lambda _: act()), daemon=True).start()
    return future


def _work(jobs: deque[tuple[T, Future[R]]], act: Callable[[T], R]) -> None:
    """One thread's share: runs one job after the other until there is none."""
    while True:
        try:
            item, future = jobs.popleft()
        except IndexError:
            return
        try:
            future.set_result(act(item))
        except BaseException as error:  # noqa: BLE001  whatever it is, the caller gets it
            future.set_exception(error)


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
