"""The sandbox's real machines: `MachineHost` with a fork server and a process tree each."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from pathlib import Path

from deployer.sandbox.machine_host import BootSpec
from deployer.sandbox.machines import messages
from deployer.sandbox.machines.disk import base_image, host_tools
from deployer.sandbox.machines.disk_folder import DiskFolder
from deployer.sandbox.machines.fork_server.client import ForkServerConnection, ReportListener
from deployer.sandbox.machines.messages import BootOrders
from deployer.sandbox.machines.ssh import minute_keys
from reconciler.errors import Refused

SSH = 22


@dataclass
class _Machine:
    """`state`: booting, up, ending, stopped, halted or dead; `job` runs while not empty.

    A machine that ends by itself reports how (`fate`) before its last process is gone.
    """

    spec: BootSpec
    state: str = "stopped"
    job: str = ""
    fate: str = "dead"


class Machines(DiskFolder):
    """Real small machines below `directory`; implements `MachineHost`. Thread-safe.

    Every machine sees `extra_ro_binds`, directories of the host, read-only, at their own paths. The
    server at `ssh_hook` is asked about every command (`machines.ssh.command_hook`). A machine
    writes only to its own disk, `instances/<id>/disk`; images are `images/<id>/disk`. Machines end
    with this object's process, however it ends; disks stay.

    Raises Refused where the system allows no user namespaces.
    """

    def __init__(
        self,
        directory: Path,
        *,
        ssh_port: int = 2222,
        extra_ro_binds: tuple[Path, ...] = (),
        login: str = "ubuntu",
        ssh_hook: str = "",
    ) -> None:
        super().__init__(directory)
        self._ssh_port, self._login, self._ssh_door = ssh_port, login, ssh_hook
        self._machines: dict[str, _Machine] = {}
        self._shims = self._directory / "shims"
        self._links = host_tools.write_shims(self._shims)
        self._binds = tuple(str(path) for path in (*host_tools.binds(), *extra_ro_binds))
        self._link = ForkServerConnection(
            self._directory, ReportListener(self._said, self._ended, self._lost)
        )
        self._remove(*(self._directory / "trash").iterdir())
        self._discard(*self._left_over())

    # Images

    def create_base_image(self, image_id: str) -> None:
        """Build the image of a bare machine, unless it exists. Raises OSError."""
        if not self.has_image(image_id):
            base_image.build(self._new_image(image_id), self._login, self._links)

    def copy_disk(self, instance_id: str, image_id: str) -> None:
        """Raises Refused where the machine is unknown or the image exists."""
        source = self._home(self._known(instance_id).spec.instance_id) / "disk"
        target = self._new_image(image_id)
        message = {"op": "copy", "source": str(source), "target": str(target)}
        self._link.begin(_copying(image_id), message)

    def drop_image(self, image_id: str) -> None:
        with self._link.lock:
            self._link.end((_copying(image_id),))
            self._discard(self._image(image_id))

    # Machines

    def create(self, spec: BootSpec) -> None:
        """Raises Refused where the image is not ready or the machine exists."""
        disk = self._ready_disk(spec.image_id)
        with self._link.lock:
            if spec.instance_id in self._machines:
                raise Refused(f"there is a machine {spec.instance_id} already")
            self._home(spec.instance_id).mkdir()
            self._machines[spec.instance_id] = _Machine(spec)
            self._boot(spec.instance_id, str(disk))

    def is_up(self, instance_id: str) -> bool:
        return self._state(instance_id) == "up"

    def has_halted(self, instance_id: str) -> bool:
        return self._state(instance_id) == "halted"

    def start(self, instance_id: str) -> None:
        with self._link.lock:
            machine = self._known(instance_id)
            if machine.state not in ("booting", "up"):
                self._link.join((machine.job,))
                self._boot(instance_id)

    def stop(self, instance_id: str) -> None:
        with self._link.lock:
            machine = self._known(instance_id)
            machine.state = "stopped"
            self._link.end((machine.job,))

    def reboot(self, instance_id: str) -> None:
        self.stop(instance_id)
        self.start(instance_id)

    def terminate(self, instance_id: str) -> None:
        with self._link.lock:
            machine = self._machines.pop(instance_id, None)
            if machine is not None:
                self._link.end((machine.job,))
                self._discard(self._home(instance_id))

    def accept_key(self, instance_id: str, user: str, public: str) -> None:
        minute_keys.put(
            self._home(self._known(instance_id).spec.instance_id) / "disk", user, public
        )

    def console(self, instance_id: str) -> bytes:
        with contextlib.suppress(FileNotFoundError):
            self._known(instance_id)
            return (self._home(instance_id) / "console").read_bytes()
        return b""

    def reset(self, keep_images: frozenset[str]) -> None:
        with self._link.lock:
            jobs = self._jobs()
            dropped = [path for path in self._images() if path.name not in keep_images]
            dropped += self._homes()
            self._machines.clear()
            self._link.end(jobs)
            self._discard(*dropped)

    def shutdown(self) -> None:
        """End every machine and the fork server, and wait for it. Idempotent."""
        self._link.close()

    # Implementation

    def _left_over(self) -> list[Path]:
        """What an earlier host did not finish: its machines, and partial images."""
        half = [path for path in self._images() if not self.image_ready(path.name)]
        return [*self._homes(), *half]

    def _known(self, instance_id: str) -> _Machine:
        machine = self._machines.get(instance_id)
        if machine is None:
            raise Refused(f"there is no machine {instance_id}")
        return machine

    def _state(self, instance_id: str) -> str:
        machine = self._machines.get(instance_id)
        return machine.state if machine else ""

    def _boot(self, instance_id: str, image: str = "") -> None:
        machine = self._machines[instance_id]
        machine.state, machine.fate = "booting", "dead"
        machine.job = f"{instance_id}#{next(self._numbers)}"
        orders = BootOrders(
            spec=machine.spec,
            home=str(self._home(instance_id)),
            image=image,
            shims=str(self._shims),
            binds=self._binds,
            ssh_port=self._ssh_port,
            login=self._login,
            ssh_hook=self._ssh_door,
        )
        message = {"op": "boot", "orders": messages.orders_to_json(orders)}
        with contextlib.ExitStack() as ends:
            found = (low_port(machine.spec.address, one) for one in {SSH} - {self._ssh_port})
            opened = [ends.enter_context(one) for one in found if one is not None]
            self._link.begin(machine.job, message, [one.fileno() for one in opened])

    def _discard(self, *paths: Path) -> None:
        """Rename the paths at once; remove them in the background."""
        self._remove(*self._to_trash(*paths))

    def _remove(self, *paths: Path) -> None:
        if paths:
            message = {"op": "remove", "paths": [str(path) for path in paths]}
            self._link.begin(f"remove#{next(self._numbers)}", message)

    def _jobs(self) -> list[str]:
        """All running jobs, except mere removals."""
        copies = [_copying(path.name) for path in self._images()]
        return copies + [machine.job for machine in self._machines.values()]

    # Reports of the fork server, with the lock held

    def _said(self, instance_id: str, word: str) -> None:
        machine = self._machines.get(instance_id)
        if machine is None or machine.state not in ("booting", "up"):
            return
        if word == "up":
            machine.state = "up"
        else:
            machine.state, machine.fate = "ending", word if word != "gone" else "dead"

    def _ended(self, job: str) -> None:
        for instance_id, machine in self._machines.items():
            if machine.job == job:
                machine.job = ""
                if machine.state != "stopped":
                    machine.state = machine.fate
                if machine.state == "rebooting":
                    self._boot(instance_id)

    def _lost(self) -> None:
        for machine in self._machines.values():
            machine.job, machine.state = "", "dead"


def low_port(address: str, port: int) -> socket.socket | None:
    """A bound socket for a machine: in its user namespace it may bind no port so low.

    None where we may not, either: an ordinary user, below net.ipv4.ip_unprivileged_port_start.
    """
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((address, port))
    except OSError:
        made.close()
        return None
    return made


def _copying(image_id: str) -> str:
    return f"copy#{image_id}"
