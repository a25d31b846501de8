"""One machine: an overlay over the Debian tree, a network of its own, and systemd-nspawn.

Everything of the machine ends with this process, however it ends: the overlay is mounted in a mount
namespace of the machine's own, and systemd-nspawn is the first process of a pid namespace around
the machine, which dies with the thread that started it and takes the whole namespace along.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from deployer.sandbox.machine_host import BootSpec
from deployer.sandbox.machines.container.control_group import ControlGroup
from deployer.sandbox.machines.container.network_namespace import NetworkNamespace
from deployer.sandbox.machines.disk import host_tools

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


@dataclass(frozen=True)
class Home:
    """The directory of one machine: `disk` is what it has written over the tree."""

    root: Path

    @property
    def disk(self) -> Path:
        """The upper directory of the overlay: files that differ from the tree."""
        return self.root / "disk"

    @property
    def console(self) -> Path:
        """The console output of all boots."""
        return self.root / "console"

    @property
    def work(self) -> Path:
        """The overlay's scratch directory."""
        return self.root / "work"

    @property
    def mount_point(self) -> Path:
        """Empty on the host: the overlay is mounted here in the machine's mount namespace."""
        return self.root / "root"

    @property
    def firmware(self) -> Path:
        """What the machine sees as /sys/class: the id in its firmware, and its network."""
        return self.root / "firmware"

    def prepare(self, instance_id: str) -> None:
        """Create the directories that are not there yet."""
        for path in (self.disk, self.work, self.mount_point):
            path.mkdir(parents=True, exist_ok=True)
        if not self.firmware.exists():
            _write_firmware(self.firmware, instance_id)


class Machine:
    """A running machine. `start` boots it; `power_off` and `kill` end it. Not thread-safe."""

    def __init__(self, home: Home, tree: Path) -> None:
        self.home, self._tree = home, tree
        self._group = ControlGroup(home.root.name, os.getpid())
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, spec: BootSpec, network: NetworkNamespace) -> None:
        """Begin to boot. Raises OSError."""
        self.home.prepare(spec.instance_id)
        self._group.create()
        with self.home.console.open("ab") as console:
            command = self._command(spec.instance_id)
            self._process = network.start(command, console.fileno())

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
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._group.remove()
        self._process = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Nothing runs meanwhile: a copy of the disk shows one moment."""
        with self._group.frozen() if self.runs else contextlib.nullcontext():
            yield

    def _command(self, name: str) -> list[str]:
        home = self.home
        overlay = [self._tree, home.disk, home.work, home.mount_point]
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
            f"--directory={home.mount_point}",
            f"--machine={name}",
            "--network-namespace-path=/proc/self/ns/net",  # it is started inside
            f"--bind-ro={home.firmware}:/sys/class",
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
