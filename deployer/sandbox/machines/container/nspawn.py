"""One machine: an overlay over the Debian tree, a network of its own, and systemd-nspawn.

Everything of the machine ends with this process, however it ends: the overlay is mounted in a mount
namespace of the machine's own, and systemd-nspawn is the first process of a pid namespace around
the machine, which dies with the thread that started it and takes the whole namespace along.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from deployer.sandbox.machine_host import BootSpec
from deployer.sandbox.machines.container.connections import Connections, Ports
from deployer.sandbox.machines.container.control_group import ControlGroup
from deployer.sandbox.machines.container.slot import Home
from deployer.sandbox.machines.disk import host_tools
from deployer.sandbox.network.relay import LoopThread

TOOLS = {
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}
"""What a machine is started with, and the Debian package that has it."""

# Overlay ("$1" to "$4"), no traces in /run, control groups ("$5"), then the machine.
_START = """\
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4" || exit
mkdir -p /run/systemd/nspawn && mount -t tmpfs tmpfs /run/systemd/nspawn || exit
for entrance in $5; do echo $$ > "$entrance" || exit; done
shift 5
exec "$@"
"""
_POWER_OFF_SECONDS = 60.0


class Container:
    """A machine in namespaces, with its connections while it runs."""

    def __init__(self, home: Home, tree: Path, ports: Ports, loop: LoopThread) -> None:
        self.home, self._tree = home, tree
        self._ports, self._loop = ports, loop
        self._connections: Connections | None = None
        self._group = ControlGroup(home.root.name, os.getpid())
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, spec: Callable[[], BootSpec]) -> None:
        """Begin to boot. Raises OSError."""
        self.kill()
        self._prepare(spec().instance_id)
        self._connections = Connections(spec, self._ports, self._loop)
        self._group.create()
        with self.home.console.open("ab") as console:
            command = self._command(spec().instance_id)
            self._process = self._connections.network.start(command, console.fileno())

    @property
    def runs(self) -> bool:
        """Whether the machine's first process lives."""
        return self._process is not None and self._process.poll() is None

    def power_off(self) -> None:
        """As ACPI does: systemd stops every unit; killed where that takes too long."""
        if self._process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            for nspawn in psutil.Process(self._process.pid).children():
                nspawn.terminate()  # tells the machine's systemd
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_POWER_OFF_SECONDS)
        self.kill()

    def kill(self) -> None:
        """A power cut: nothing is stopped, nothing flushed. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._group.remove()
            self._process = None
        if self._connections is not None:
            self._connections.close()
            self._connections = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Nothing runs meanwhile: a copy of the disk shows one moment."""
        with self._group.frozen() if self.runs else contextlib.nullcontext():
            yield

    @property
    def _work(self) -> Path:
        """The overlay's scratch directory."""
        return self.home.root / "work"

    @property
    def _mount_point(self) -> Path:
        """Empty on the host: the overlay is mounted here in the machine's mount namespace."""
        return self.home.root / "root"

    @property
    def _firmware(self) -> Path:
        """What the machine sees as /sys/class: the id in its firmware, and its network."""
        return self.home.root / "firmware"

    def _prepare(self, instance_id: str) -> None:
        """Create the directories that are not there yet."""
        for path in (self.home.disk, self._work, self._mount_point):
            path.mkdir(parents=True, exist_ok=True)
        if not self._firmware.exists():
            _write_firmware(self._firmware, instance_id)

    def _command(self, name: str) -> list[str]:
        overlay = [self._tree, self.home.disk, self._work, self._mount_point]
        return [
            *("setpriv", "--pdeathsig", "KILL"),
            *("unshare", "--mount", "--propagation=private", "--mount-proc"),
            *("--pid", "--fork", "--kill-child=SIGKILL"),
            *("sh", "-c", _START, "sh", *map(str, overlay), " ".join(self._group.entrances)),
            *("env", "SYSTEMD_LOG_TARGET=console"),  # as process 1 it would log to the kernel
            "systemd-nspawn",
            "--quiet",
            "--boot",
            "--register=no",
            "--keep-unit",
            f"--directory={self._mount_point}",
            f"--machine={name}",
            "--network-namespace-path=/proc/self/ns/net",  # it is started inside
            f"--bind-ro={self._firmware}:/sys/class",
            *(f"--bind-ro={path}" for path in _programs()),
            # The other kinds of console wait for a reader, and PID 1 with them.
            "--console=read-only",
            "--kill-signal=SIGRTMIN+3",
            "--link-journal=no",
            "--resolv-conf=off",
            "--timezone=off",
            # systemd 256 and later refuse a host with version 1 of control groups otherwise.
            "--setenv=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
        ]


def _write_firmware(directory: Path, instance_id: str) -> None:
    """The board's asset tag, as on Nitro, and the network's devices, which it would hide."""
    (directory / "dmi/id").mkdir(parents=True)
    (directory / "dmi/id/board_asset_tag").write_text(f"{instance_id}\n")
    (directory / "net").mkdir()
    (directory / "net/lo").symlink_to("../../devices/virtual/net/lo")


def _programs() -> tuple[Path, ...]:
    """PostgreSQL's own, as new as the sandbox's server: Debian's pg_dump refuses a newer one."""
    found = host_tools.postgres_directory()
    libraries = found.parent.with_suffix(".libs") if found else None
    return tuple(path for path in (found, libraries) if path and path.is_dir())
