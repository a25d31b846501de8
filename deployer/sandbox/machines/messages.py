"""The messages between the host, the fork server and the machines: small JSON objects."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deployer.sandbox.machine_host import BootSpec

# A request holds the user data (EC2: 16 KiB, base64) and keys; far below a packet's limit.
_LARGEST = 1 << 18


@dataclass(frozen=True)
class BootOrders:
    """Everything that a machine's process must know to boot; paths are the host's.

    `image` is the disk to copy first; empty where the machine boots from its own.
    """

    spec: BootSpec
    home: str
    image: str
    shims: str
    binds: tuple[str, ...]
    ssh_port: int
    login: str
    ssh_hook: str = ""

    @property
    def disk(self) -> Path:
        """The machine's own disk."""
        return Path(self.home, "disk")

    @property
    def mount_point(self) -> Path:
        """An empty directory beside the disk, to mount on."""
        return Path(self.home, "root")

    @property
    def console(self) -> Path:
        """The file of the console output."""
        return Path(self.home, "console")


def spec_to_json(spec: BootSpec) -> dict[str, Any]:
    """A BootSpec as JSON."""
    return asdict(spec) | {"user_data": base64.b64encode(spec.user_data).decode()}


def spec_from_json(data: dict[str, Any]) -> BootSpec:
    """The reverse of `spec_to_json`."""
    return BootSpec(
        instance_id=data["instance_id"],
        image_id=data["image_id"],
        address=data["address"],
        user_data=base64.b64decode(data["user_data"]),
        authorized_keys=tuple(data["authorized_keys"]),
    )


def orders_to_json(orders: BootOrders) -> dict[str, Any]:
    """Orders as JSON."""
    return asdict(orders) | {"spec": spec_to_json(orders.spec)}


def orders_from_json(data: dict[str, Any]) -> BootOrders:
    """The reverse of `orders_to_json`."""
    changed = {"spec": spec_from_json(data["spec"]), "binds": tuple(data["binds"])}
    return BootOrders(**(data | changed))


def send(sock: socket.socket, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
    """Send one message atomically, with copies of descriptors. Raises OSError."""
    socket.send_fds(sock, [json.dumps(message).encode()], fds)


def receive(sock: socket.socket) -> dict[str, Any] | None:
    """The next message; None when the peer has closed. Raises OSError."""
    message, _ = receive_all(sock, 0)
    return message


def receive_all(sock: socket.socket, most: int = 1) -> tuple[dict[str, Any] | None, list[int]]:
    """The next message and at most so many descriptors that came with it. Raises OSError."""
    data, fds, _, _ = socket.recv_fds(sock, _LARGEST, most)
    return (json.loads(data) if data else None), fds


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets that preserve message boundaries."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _LARGEST)
    return ours, theirs
