"""Young rounds of the loop, `reconciler run`: what they ask, and their CPU."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psutil

from tests.bench.measure import Box, Figures
from tests.crash.invariants import wait_for

_ROUND = "DescribeTags"
"""What every round asks first."""
_ACT = "TerminateInstances"
_LONG = 600.0
"""Seconds; a full round of a large fleet takes minutes."""


ROUNDS = 3
"""Rounds that meet orphans: the CPU of one alone differs by a half from run to run."""


def young_rounds(
    box: Box, configuration: Path, folder: Path, orphans: int, count: int
) -> tuple[Figures, Figures]:
    """Young rounds after a full one: the mean of `count` idle ones, and one that meets orphans.

    Of ROUNDS that meet so many each, the one of the median CPU.
    """
    with _loop(box, configuration, folder) as loop:
        idle = _idle(box, loop, count)
        found = [_acted(box, loop, orphans) for _ in range(ROUNDS)]
    return idle, sorted(found, key=lambda one: one.cpu)[ROUNDS // 2]


def _acted(box: Box, loop: psutil.Process, orphans: int) -> Figures:
    box.forget()
    before, began = _cpu(loop), time.perf_counter()
    box.lay(orphans)
    wait_for(lambda: bool(_round_that_acted(box)), _LONG)
    wall, cpu = time.perf_counter() - began, _cpu(loop) - before
    memory = loop.memory_info().rss / (1 << 20)
    calls = Counter(_round_that_acted(box))
    return Figures(wall, cpu, memory, 0, dict(sorted(calls.items())))


def idle_rounds(box: Box, configuration: Path, folder: Path, count: int) -> Figures:
    """One of so many young rounds that find nothing: their mean."""
    with _loop(box, configuration, folder) as loop:
        return _idle(box, loop, count)


def _idle(box: Box, loop: psutil.Process, count: int) -> Figures:
    before, began = _cpu(loop), time.perf_counter()
    wait_for(lambda: _actions(box).count(_ROUND) >= count, _LONG)
    wall, cpu = time.perf_counter() - began, _cpu(loop) - before
    memory = loop.memory_info().rss / (1 << 20)
    calls = Counter(_actions(box))
    each = {name: round(times / count) for name, times in sorted(calls.items())}
    each = {name: times for name, times in each.items() if times}
    return Figures(wall / count, cpu / count, memory, 0, each)


@contextmanager
def _loop(box: Box, configuration: Path, folder: Path) -> Iterator[psutil.Process]:
    """The loop, from its second young round on; what it asked before is forgotten."""
    command = Path(sys.executable).with_name("reconciler")
    often = ("--every", "2s", "--full-every", "9h", "--listen", "127.0.0.1:0")
    argv = [str(command), "run", "--config", str(configuration), *often]
    with (folder / "loop").open("wb") as log:
        child = subprocess.Popen(
            argv, env={**os.environ, **box.environment}, stdout=log, stderr=log
        )
        try:
            wait_for(lambda: "ListResourceRecordSets" in _actions(box), _LONG)
            box.forget()
            wait_for(lambda: _ROUND in _actions(box), _LONG)  # the full round is over
            box.forget()
            yield psutil.Process(child.pid)
        finally:
            child.terminate()
            child.wait()


def _cpu(loop: psutil.Process) -> float:
    used = loop.cpu_times()
    return used.user + used.system


def _actions(box: Box) -> list[str]:
    return [action for action, _ in box.asked()]


def _round_that_acted(box: Box) -> list[str]:
    """The actions of that round, once the next has begun; none before.

    It reads tags twice: first of all, and right before it acts.
    """
    parts: list[list[str]] = []
    for action in _actions(box):
        if action == _ROUND:
            parts.append([])
        if parts:
            parts[-1].append(action)
    for before, part in pairwise(parts[:-1]):
        if _ACT in part:
            return before + part
    return []
