"""A real machine of a host with its disk, from its creation to its end; whatever kind it is."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deployer.sandbox.machine_host import BootSpec


@dataclass(frozen=True)
class Home:
    """The directory of one machine."""

    root: Path

    @property
    def disk(self) -> Path:
        """What it has written over the base that all machines share: a folder or a file."""
        return self.root / "disk"

    @property
    def console(self) -> Path:
        """The console output of all boots."""
        return self.root / "console"


class Machine(Protocol):
    """A machine that can be started again and again. Not thread-safe."""

    home: Home

    @property
    def runs(self) -> bool:
        """Whether it boots or is up."""
        ...

    def start(self, spec: Callable[[], BootSpec]) -> None:
        """Begin to boot. Raises OSError."""
        ...

    def power_off(self) -> None:
        """Shut it down in order; killed where that takes too long."""
        ...

    def kill(self) -> None:
        """A power cut: nothing is stopped, nothing flushed. Idempotent."""
        ...

    def frozen(self) -> AbstractContextManager[None]:
        """Nothing runs meanwhile: a copy of the disk shows one moment."""
        ...


class Slot:
    """`spec` may be replaced: the next boot follows it. Thread-safe; calls wait for each other."""

    def __init__(self, spec: BootSpec, machine: Machine) -> None:
        self.spec = spec
        self._machine = machine
        self._lock = threading.RLock()
        self._ended = self._shall_run = False

    @property
    def home(self) -> Home:
        """Its directory."""
        return self._machine.home

    @property
    def runs(self) -> bool:
        """Whether it boots or is up."""
        return self._machine.runs

    @property
    def has_halted(self) -> bool:
        """Whether it was started, and has ended by itself since; a reboot is not an end."""
        return self._shall_run and not self._machine.runs

    def create(self, disk: Path) -> None:
        """Copy the disk, and boot. Raises CalledProcessError, OSError."""
        with self._lock:
            if not self._ended:
                copy_disk(disk, self.home.disk)
                self.start()

    def start(self) -> None:
        """Boot from its own disk, unless it runs. Raises OSError."""
        with self._lock:
            if not self._ended and not self._machine.runs:
                self._machine.start(lambda: self.spec)
                self._shall_run = True

    def stop(self) -> None:
        """Shut it down in order; its disk stays."""
        with self._lock:
            self._shall_run = False
            self._machine.power_off()

    def end(self) -> None:
        """Kill it; it never starts again. Idempotent."""
        with self._lock:
            self._ended, self._shall_run = True, False
            self._machine.kill()

    def copy_disk(self, target: Path) -> None:
        """Its disk at one moment, while it runs or not. Raises CalledProcessError, OSError."""
        with self._lock, self._machine.frozen():
            copy_disk(self.home.disk, target)


def copy_disk(source: Path, target: Path) -> None:
    """A disk with everything that an overlay notes in it. Raises CalledProcessError, OSError."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    subprocess.run(
        ["cp", "--archive", "--reflink=auto", "--sparse=auto", str(source), str(partial)],
        check=True,
        capture_output=True,
    )
    partial.rename(target)
