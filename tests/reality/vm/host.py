"""`MachineHost` over virtual machines, for tests."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from deployer.sandbox.machines.container.host import RealMachines
from deployer.sandbox.machines.container.slot import Home
from tests.reality.vm.disk import Base
from tests.reality.vm.qemu import VirtualMachine


@dataclass(frozen=True)
class VirtualMachines:
    """The kind of machine that boots from `base`; what it writes goes to a qcow2 file of its own.

    A copy of that file is what CreateImage makes of a running machine: the disk at one moment.
    """

    base: Base
    accelerator: str
    starter: ThreadPoolExecutor

    def write_base(self, disk: Path) -> None:
        """An empty file over the base. Raises OSError, CalledProcessError."""
        below = ["-b", str(self.base.disk), "-F", "raw"]
        command = ["qemu-img", "create", "-q", "-f", "qcow2", *below, str(disk)]
        subprocess.run(command, check=True, capture_output=True)

    def machine(self, home: Home) -> VirtualMachine:
        """A machine with that directory, not started."""
        return VirtualMachine(home, self.base, self.accelerator, self.starter)


def virtual_machines(directory: Path, base: Base, accelerator: str) -> RealMachines:
    """A host of virtual machines below a directory."""
    return RealMachines(directory, VirtualMachines(base, accelerator, ThreadPoolExecutor(1)))
