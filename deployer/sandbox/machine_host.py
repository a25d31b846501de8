"""The port between the sandbox's AWS API and its machines.

`deployer.sandbox.aws` (the strict AWS layer) calls it; `deployer.sandbox.machines` and
`deployer.sandbox.network.nat` implement it; contract tests of the API alone use a fake without
processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class BootSpec:
    """A machine to boot: its disk comes from `image_id`, its SSH server listens on `address`."""

    instance_id: str
    image_id: str
    address: str
    user_data: bytes = b""
    authorized_keys: tuple[str, ...] = field(default=())


@dataclass(frozen=True, order=True)
class Route:
    """Connections to (address, port) reach (`to`, port): a public address of a machine.

    Without `to` nobody answers there, as where a security group lets nobody in.
    """

    address: str
    port: int
    to: str = ""


class Nat(Protocol):
    """Forwards TCP connections from public addresses to machines."""

    def follow(self, routes: frozenset[Route]) -> None:
        """Replace the routes by these; returns when they are in force."""
        ...


class MachineHost(Protocol):
    """Boots, stops and kills machines, and copies their disks. Thread-safe.

    `create`, `start` and `copy_disk` return at once; the work runs in the background, and `is_up`
    and `image_ready` report its end.
    """

    def has_image(self, image_id: str) -> bool:
        """Whether there is a disk image of that id (ready or being copied)."""
        ...

    def create(self, spec: BootSpec) -> None:
        """Copy the image's disk and boot the machine from it."""
        ...

    def is_up(self, instance_id: str) -> bool:
        """Whether it runs: EC2's `running`. On a real systemd SSH listens only later."""
        ...

    def has_halted(self, instance_id: str) -> bool:
        """Whether the machine shut itself down (`shutdown -h`): EC2's `stopped`."""
        ...

    def start(self, instance_id: str) -> None:
        """Boot a stopped machine from its own disk (bootcmd runs again, runcmd does not)."""
        ...

    def stop(self, instance_id: str) -> None:
        """Kill its processes, keep its disk."""
        ...

    def reboot(self, instance_id: str) -> None:
        """Stop and start."""
        ...

    def terminate(self, instance_id: str) -> None:
        """Kill its processes and remove its disk. Idempotent."""
        ...

    def copy_disk(self, instance_id: str, image_id: str) -> None:
        """Start copying the machine's disk into a new image."""
        ...

    def image_ready(self, image_id: str) -> bool:
        """Whether the copy has ended."""
        ...

    def drop_image(self, image_id: str) -> None:
        """Remove an image's disk. Idempotent."""
        ...

    def accept_key(self, instance_id: str, user: str, public: str) -> None:
        """Let its sshd accept the key for that user for a minute (EC2 Instance Connect)."""
        ...

    def console(self, instance_id: str) -> bytes:
        """The console output so far (host keys block included)."""
        ...

    def reset(self, keep_images: frozenset[str]) -> None:
        """Kill every machine and drop every image but these. Fast: well under half a second."""
        ...
