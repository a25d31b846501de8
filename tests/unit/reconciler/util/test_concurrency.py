"""Side by side: all at once, all waited for, every outcome told."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from reconciler.errors import CommandFailed
from reconciler.util.concurrency import side_by_side


def test_results_come_in_the_order_of_the_items() -> None:
    """Whoever finishes first."""
    first_may_end = threading.Event()

    def act(item: int) -> int:
        if item == 0:
            first_may_end.wait(10)
        else:
            first_may_end.set()
        return item * 10

    assert side_by_side([0, 1], act) == [0, 10]


def test_nothing_to_do_is_done() -> None:
    """No machines, no threads, no results."""
    assert side_by_side([], str) == []


def test_a_dozen_run_at_once() -> None:
    """Each waits for all the others: only possible side by side."""
    barrier = threading.Barrier(12, timeout=10)
    assert sorted(side_by_side(range(12), lambda _: barrier.wait())) == list(range(12))


def test_all_are_waited_for_and_all_errors_told() -> None:
    """The first error by order is raised; the others are listed in its detail; nothing is cut."""
    ended: list[int] = []

    def act(item: int) -> None:
        if item in {1, 3}:
            raise CommandFailed(f"install on 10.0.0.{item} ended with 2", status=2, detail="boom")
        ended.append(item)

    with pytest.raises(CommandFailed, match=r"install on 10\.0\.0\.1") as caught:
        side_by_side(range(5), act)
    assert sorted(ended) == [0, 2, 4]
    assert caught.value.detail == (
        "boom\nand at the same time:\n  install on 10.0.0.3 ended with 2"
    )


def test_a_foreign_error_carries_the_others_as_a_note() -> None:
    """Bugs are not hidden by what else went wrong."""

    def act(item: int) -> None:
        raise ValueError(f"bug {item}")

    with pytest.raises(ValueError, match="bug 0") as caught:
        side_by_side([0, 1], act)
    assert "bug 1" in caught.value.__notes__[0]


_INTERRUPTED = """
import signal, threading
from reconciler.util.concurrency import side_by_side

def stop(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, 0.1)
try:
    side_by_side(range(3), lambda _: threading.Event().wait())
except KeyboardInterrupt:
    print("undone")
"""


def test_an_interrupted_process_ends() -> None:
    """What still waits in a thread for something that nobody wants any more keeps no one."""
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "undone\n"
