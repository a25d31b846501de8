"""A machine's own control groups: its systemd must not find another machine's units in its own.

They are also how all its processes are stopped at one moment.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from reconciler.errors import Refused

_ROOT = Path("/sys/fs/cgroup")
_SECONDS = 10.0
_PREFIX = "sandbox"


class ControlGroup:
    """The groups of one machine; a process joins by writing its id into each of `entrances`.

    `owner` is the process whose machine it is: what a dead one left, the next sandbox removes.
    """

    def __init__(self, machine: str, owner: int) -> None:
        name = f"{_PREFIX}-{owner}-{machine}"
        self._paths = [hierarchy / name for hierarchy in hierarchies()]

    @property
    def entrances(self) -> list[str]:
        """The files to join by."""
        return [str(path / "cgroup.procs") for path in self._paths]

    def create(self) -> None:
        """Raises OSError."""
        for path in self._paths:
            path.mkdir(exist_ok=True)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """None of its processes runs meanwhile."""
        freezer = self._unified / "cgroup.freeze"
        freezer.write_text("1")
        try:
            self._await("frozen 1")
            yield
        finally:
            freezer.write_text("0")

    def remove(self) -> None:
        """Kill what is left in it, and remove it. Raises OSError."""
        if not self._unified.exists():
            return
        (self._unified / "cgroup.kill").write_text("1")
        self._await("populated 0")
        for path in self._paths:
            inner = sorted((one for one in path.rglob("*") if one.is_dir()), reverse=True)
            for group in (*inner, path):
                group.rmdir()

    @property
    def _unified(self) -> Path:
        return self._paths[0]

    def _await(self, state: str) -> None:
        """Until the kernel reports it; it takes milliseconds. Raises TimeoutError."""
        events, deadline = self._unified / "cgroup.events", time.monotonic() + _SECONDS
        while state not in events.read_text():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{events} does not say `{state}`")
            time.sleep(0.002)


def remove_dead() -> None:
    """Remove the groups of processes that have ended: those are empty. Raises OSError."""
    for path in hierarchies()[0].glob(f"{_PREFIX}-*-*"):
        _, owner, machine = path.name.split("-", 2)
        if not Path("/proc", owner).exists():
            ControlGroup(machine, int(owner)).remove()


def hierarchies() -> tuple[Path, ...]:
    """Version 2 first; beside it the one where systemd keeps its units in a hybrid layout.

    Raises Refused where version 2 is not mounted.
    """
    if (_ROOT / "cgroup.controllers").exists():
        return (_ROOT,)
    if (_ROOT / "unified/cgroup.controllers").exists():
        return (_ROOT / "unified", _ROOT / "systemd")
    raise Refused(
        "version 2 of control groups is not mounted; real machines need it",
        cure="mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified   or   --machines processes",
    )
