"""The sandbox's container machines: `MachineHost` over systemd-nspawn."""

from __future__ import annotations

import contextlib
import logging
import shutil
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from deployer.sandbox.machine_host import BootSpec
from deployer.sandbox.machines.container import base_disk, control_group, nspawn
from deployer.sandbox.machines.container.connections import Ports
from deployer.sandbox.machines.container.nspawn import TOOLS
from deployer.sandbox.machines.container.slot import Home, Machine, Slot
from deployer.sandbox.machines.disk_folder import DiskFolder
from deployer.sandbox.machines.isolation import linux
from deployer.sandbox.network.relay import LoopThread
from reconciler.errors import Refused

_log = logging.getLogger(__name__)


class MachineKind(Protocol):
    """How the machines of a kind are made."""

    def write_base(self, disk: Path) -> None:
        """Write the disk of a bare machine. Raises OSError."""
        ...

    def machine(self, home: Home) -> Machine:
        """A machine with that directory, not started."""
        ...


class RealMachines(DiskFolder):
    """Machines with a real systemd below `directory`; implements `MachineHost`. Thread-safe.

    As on EC2 a machine is up as soon as it boots, long before its SSH server listens. Machines end
    with this process; disks stay.
    """

    def __init__(self, directory: Path, kind: MachineKind) -> None:
        super().__init__(directory)
        self._kind = kind
        self._lock = threading.RLock()
        self._machines: dict[str, Slot] = {}
        self._pool = ThreadPoolExecutor(8, "sandbox-machines")
        self._discard(*self._homes())

    # Images

    def create_base_image(self, image_id: str) -> None:
        """The image of a bare machine, unless it exists. Raises OSError."""
        if not self.has_image(image_id):
            self._kind.write_base(self._new_image(image_id))

    def copy_disk(self, instance_id: str, image_id: str) -> None:
        """Raises Refused where the machine is unknown or the image exists."""
        slot = self._known(instance_id)
        target = self._new_image(image_id)
        self._begin(f"image {image_id}", lambda: slot.copy_disk(target))

    def drop_image(self, image_id: str) -> None:
        self._discard(self._image(image_id))

    # Machines

    def create(self, spec: BootSpec) -> None:
        """Raises Refused where the image is not ready or the machine exists."""
        disk = self._ready_disk(spec.image_id)
        with self._lock:
            if spec.instance_id in self._machines:
                raise Refused(f"there is a machine {spec.instance_id} already")
            home = Home(self._home(spec.instance_id))
            home.root.mkdir()
            slot = Slot(spec, self._kind.machine(home))
            self._machines[spec.instance_id] = slot
        self._begin(f"boot of {spec.instance_id}", lambda: slot.create(disk))

    def is_up(self, instance_id: str) -> bool:
        slot = self._machines.get(instance_id)
        return slot is not None and slot.runs

    def has_halted(self, instance_id: str) -> bool:
        slot = self._machines.get(instance_id)
        return slot is not None and slot.has_halted

    def start(self, instance_id: str) -> None:
        slot = self._known(instance_id)
        self._begin(f"start of {instance_id}", slot.start)

    def stop(self, instance_id: str) -> None:
        self._known(instance_id).stop()

    def reboot(self, instance_id: str) -> None:
        slot = self._known(instance_id)
        slot.stop()
        slot.start()

    def terminate(self, instance_id: str) -> None:
        with self._lock:
            slot = self._machines.pop(instance_id, None)
        if slot is not None:
            slot.end()
            self._discard(slot.home.root)

    def accept_key(self, instance_id: str, user: str, public: str) -> None:
        """Raises Refused: a real sshd asks a program of AWS, which these machines lack."""
        key = public.split(" ", maxsplit=1)[0]
        raise Refused(f"{instance_id} has no EC2 Instance Connect: no {key} key for {user}")

    def console(self, instance_id: str) -> bytes:
        slot = self._machines.get(instance_id)
        with contextlib.suppress(FileNotFoundError):
            return slot.home.console.read_bytes() if slot else b""
        return b""

    def reset(self, keep_images: frozenset[str]) -> None:
        with self._lock:
            slots, self._machines = list(self._machines.values()), {}
        list(self._pool.map(Slot.end, slots))
        self._discard(*(slot.home.root for slot in slots))
        self._discard(*(path for path in self._images() if path.name not in keep_images))

    def shutdown(self) -> None:
        """End every machine and every thread. Idempotent."""
        with self._lock:
            slots, self._machines = list(self._machines.values()), {}
        for slot in slots:
            slot.end()
        self._pool.shutdown()

    # Implementation

    def _known(self, instance_id: str) -> Slot:
        slot = self._machines.get(instance_id)
        if slot is None:
            raise Refused(f"there is no machine {instance_id}")
        return slot

    def _begin(self, what: str, work: Callable[[], None]) -> None:
        """In the background; a failure is logged, as nobody waits for the result."""

        def logged() -> None:
            try:
                work()
            except (OSError, subprocess.SubprocessError) as error:
                _log.error("%s failed: %s", what, error)

        self._pool.submit(logged)

    def _discard(self, *paths: Path) -> None:
        """Rename the paths at once; remove them in the background."""
        for path in self._to_trash(*paths):
            self._begin("removal", partial(shutil.rmtree, path))


@dataclass
class Containers:
    """Machines that boot from `tree` in namespaces, over systemd-nspawn."""

    tree: Path
    ports: Ports
    login: str
    loop: LoopThread

    def write_base(self, disk: Path) -> None:
        base_disk.write(disk, self.login, self.ports.ssh)

    def machine(self, home: Home) -> Machine:
        return nspawn.Container(home, self.tree, self.ports, self.loop)


class ContainerMachines(RealMachines):
    """Containers that boot from `tree`.

    `ports` are open to the host at the machine's own address; `servers` of the host are reached at
    their own addresses.

    Raises Refused where a tool is missing or this is not root.
    """

    def __init__(self, directory: Path, tree: Path, ports: Ports, login: str = "ubuntu") -> None:
        require()
        control_group.remove_dead()
        directory.mkdir(parents=True, exist_ok=True)
        _refuse_overlay(directory)
        self._containers = Containers(tree, ports, login, LoopThread("sandbox-relay"))
        super().__init__(directory, self._containers)

    def serve(self, address: str, port: int) -> None:
        """From now on machines reach this server of the host, at its own address."""
        ports = self._containers.ports
        self._containers.ports = replace(ports, servers=(*ports.servers, (address, port)))

    def shutdown(self) -> None:
        super().shutdown()
        self._containers.loop.end()


def require() -> None:
    """Raises Refused, with the cure, where container machines cannot run."""
    missing = {TOOLS[tool] for tool in TOOLS if shutil.which(tool) is None}
    if missing:
        raise Refused(
            "tools that start a real machine are missing",
            cure=f"apt-get install {' '.join(sorted(missing))}",
        )
    if not linux.may_make_namespaces():
        raise Refused(
            "only root with CAP_SYS_ADMIN can start a real machine",
            cure="sudo deployer sandbox up …   or   --machines processes",
        )
    control_group.hierarchies()


def _refuse_overlay(directory: Path) -> None:
    """Raises Refused where the kernel could not lay a machine's disk over the tree."""
    command = ["stat", "--file-system", "--format=%T", str(directory)]
    kind = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    if kind == "overlayfs":
        raise Refused(
            f"{directory} is on an overlay, on which no disk of a machine can lie",
            cure="deployer sandbox up --machines container --dir /dev/shm/sandbox",
        )
