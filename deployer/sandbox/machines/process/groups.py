"""Finds the processes that belong together, in place of a control group.

A daemon may change its session and its parent; but it inherits its environment, and in it the
INVOCATION_ID that systemd gives to every run of a unit.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    session: int
    marked: bool


def members(session: int, invocation: str) -> list[int]:
    """Live processes that have the mark or the session, or descend from such a process."""
    mark = f"INVOCATION_ID={invocation}".encode()
    everyone = [process for pid in _pids() if (process := _look(pid, mark))]
    found = {p.pid for p in everyone if p.marked or (session and p.session == session)}
    while True:
        more = {p.pid for p in everyone if p.parent in found} - found
        if not more:
            return sorted(found)
        found |= more


def everyone() -> list[int]:
    """Every process but pid 1."""
    return [pid for pid in _pids() if pid != 1]


def signal_all(pids: list[int], number: int) -> None:
    """Send a signal to those that still exist."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _look(pid: int, mark: bytes) -> _Process | None:
    """None for pid 1, zombies and processes that are gone."""
    if pid == 1:
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return None
    state, parent, _group, session = stat.rpartition(")")[2].split()[:4]
    if state in "ZX":
        return None
    return _Process(pid, int(parent), int(session), mark in environ.split(b"\0"))
