"""One machine of a host with its disk and its connections, from its creation to its end."""

from __future__ import annotations

import threading
from pathlib import Path

from deployer.sandbox.machine_host import BootSpec
from deployer.sandbox.machines.container import nspawn
from deployer.sandbox.machines.container.connections import Connections, Ports
from deployer.sandbox.machines.container.nspawn import Machine
from deployer.sandbox.network.relay import Loop


class Slot:
    """`spec` may be replaced: the next boot follows it. Thread-safe; calls wait for each other."""

    def __init__(self, spec: BootSpec, machine: Machine, ports: Ports, loop: Loop) -> None:
        self.spec = spec
        self._machine, self._ports, self._loop = machine, ports, loop
        self._lock = threading.RLock()
        self._connections: Connections | None = None
        self._ended = self._shall_run = False

    @property
    def home(self) -> nspawn.Home:
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
                nspawn.copy_disk(disk, self.home.disk)
                self.start()

    def start(self) -> None:
        """Boot from its own disk, unless it runs. Raises OSError."""
        with self._lock:
            if self._ended or self._machine.runs:
                return
            self._disconnect()
            self._connections = Connections(lambda: self.spec, self._ports, self._loop)
            self._machine.start(self.spec, self._connections.network)
            self._shall_run = True

    def stop(self) -> None:
        """Shut it down in order; its disk stays."""
        with self._lock:
            self._shall_run = False
            self._machine.power_off()
            self._disconnect()

    def end(self) -> None:
        """Kill it; it never starts again. Idempotent."""
        with self._lock:
            self._ended, self._shall_run = True, False
            self._machine.kill()
            self._disconnect()

    def copy_disk(self, target: Path) -> None:
        """Its disk at one moment, while it runs or not. Raises CalledProcessError, OSError."""
        with self._lock, self._machine.frozen():
            nspawn.copy_disk(self.home.disk, target)

    def _disconnect(self) -> None:
        if self._connections is not None:
            self._connections.close()
            self._connections = None
