"""One virtual machine: how QEMU is started, spoken to, and ended."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO

from deployer.sandbox.machine_host import BootSpec
from deployer.sandbox.machines.container import instance_metadata
from deployer.sandbox.machines.container.instance_metadata import MetadataServer
from deployer.sandbox.machines.container.slot import Home
from tests.reality.laboratory import SSH_PORT
from tests.reality.vm.disk import Base

MEMORY_MIB = 512
_RELAY = Path(__file__).with_name("metadata_relay.py")
_POWER_OFF_SECONDS = 240.0
_GUEST = "169.254.0.15"
_NETWORK = f"restrict=on,net=169.254.0.0/16,host=169.254.0.2,dns=169.254.0.3,dhcpstart={_GUEST}"
"""Of the guest alone: it reaches nothing but the metadata service, and has no way out."""
_KERNEL = (
    "console=ttyS0 root=/dev/vda rw mitigations=off random.trust_cpu=on "
    "systemd.default_timeout_start_sec=1200 systemd.default_device_timeout_sec=1200"
)

HARDWARE = ("-display", "none", "-vga", "none", "-nodefaults", "-smp", "1", "-m", str(MEMORY_MIB))
"""Without screen, sound and disks."""


class VirtualMachine:
    """A machine of a host; `start` boots it, `power_off` and `kill` end it. Not thread-safe.

    QEMU dies with the thread that started it, so that is one which lives as long as this process.
    """

    def __init__(
        self, home: Home, base: Base, accelerator: str, starter: ThreadPoolExecutor
    ) -> None:
        self.home = home
        self._base, self._accelerator, self._starter = base, accelerator, starter
        self._process: subprocess.Popen[bytes] | None = None
        self._metadata: MetadataServer | None = None
        self._sockets: Path | None = None

    @property
    def runs(self) -> bool:
        """Whether QEMU lives: it ends when the guest powers off."""
        return self._process is not None and self._process.poll() is None

    def start(self, spec: Callable[[], BootSpec]) -> None:
        """Begin to boot. Raises OSError."""
        self.kill()
        self._sockets = Path(tempfile.mkdtemp(prefix="vm-"))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._sockets / "metadata"))
        listener.listen()
        self._metadata = MetadataServer(listener, spec, token_required=True)
        with (self.home.root / "qemu").open("ab") as said:
            command = self._command(spec(), self._sockets)
            self._process = self._starter.submit(_start, command, said.fileno()).result()

    def power_off(self) -> None:
        """As ACPI does: systemd stops every unit; killed where that takes too long."""
        if self._process is not None and self.runs:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                self._order("system_powerdown")
                self._process.wait(_POWER_OFF_SECONDS)
        self.kill()

    def kill(self) -> None:
        """A power cut. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._metadata is not None:
            self._metadata.close()
            self._metadata = None
        if self._sockets is not None:
            shutil.rmtree(self._sockets)
            self._sockets = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """The processor stands still, and the disk's file has what the guest has written."""
        if not self.runs:
            yield
            return
        self._order("stop")
        try:
            yield
        finally:
            self._order("cont")

    def _order(self, command: str) -> None:
        """Carry out a command of QEMU's monitor protocol. Raises OSError."""
        assert self._sockets is not None
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(60)
            sock.connect(str(self._sockets / "monitor"))
            with sock.makefile("rw") as lines:
                for word in ("qmp_capabilities", command):
                    lines.write(json.dumps({"execute": word}) + "\n")
                    lines.flush()
                    _await_return(lines)

    def _command(self, spec: BootSpec, sockets: Path) -> list[str]:
        device = f"virtio-net-pci,netdev=net,mac={instance_metadata.mac(spec)},romfile="
        disk = f"file={self.home.disk},if=virtio,format=qcow2,cache=unsafe,discard=unmap"
        return [
            *("setpriv", "--pdeathsig", "KILL", *qemu(self._accelerator)),
            *("-kernel", str(self._base.kernel), "-initrd", str(self._base.initrd)),
            *("-append", _KERNEL, "-drive", disk, "-device", "virtio-rng-pci"),
            *("-netdev", network(spec, sockets), "-device", device),
            *("-chardev", f"file,id=console,append=on,path={self.home.console}"),
            *("-serial", "chardev:console"),
            *("-qmp", f"unix:{sockets}/monitor,server=on,wait=off"),
            *firmware(spec.instance_id),
        ]


def qemu(accelerator: str) -> list[str]:
    """QEMU with an empty machine."""
    processor = "host" if accelerator == "kvm" else "qemu64"
    size = ",tb-size=128" if accelerator == "tcg" else ""
    return ["qemu-system-x86_64", "-accel", f"{accelerator}{size}", "-cpu", processor, *HARDWARE]


def network(spec: BootSpec, sockets: Path) -> str:
    """A network of the guest alone, with its metadata service, and its SSH port for the host."""
    relay = f"{sys.executable} -S -E {_RELAY} {sockets}/metadata"
    metadata = f"guestfwd=tcp:169.254.169.254:{instance_metadata.PORT}-cmd:{relay}"
    return f"user,id=net,{_NETWORK},{metadata},hostfwd=tcp:{spec.address}:{SSH_PORT}-:22"


def firmware(instance_id: str) -> list[str]:
    """SMBIOS as on Nitro: an id that begins with `ec2`, and the instance's id as asset tag."""
    digest = "ec2" + hashlib.sha256(instance_id.encode()).hexdigest()[:29]
    uuid = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))
    tables = (
        "type=0,vendor=Amazon EC2,version=1.0",
        f"type=1,manufacturer=Amazon EC2,product=t3.small,serial={uuid},uuid={uuid}",
        f"type=2,manufacturer=Amazon EC2,asset={instance_id}",
        "type=3,manufacturer=Amazon EC2,asset=Amazon EC2",
    )
    return [word for table in tables for word in ("-smbios", table)]


def _start(command: list[str], said: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
    )


def _await_return(lines: TextIO) -> None:
    """Read until the command has been carried out; the greeting and events come between."""
    message: dict[str, Any] = {}
    while "return" not in message:
        message = json.loads(lines.readline())
        if "error" in message:
            raise OSError(f"QEMU refuses: {message['error']}")
