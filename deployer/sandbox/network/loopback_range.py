"""A separate loopback range for every sandbox: 127.N.0.0/16, N from 64 to 250.

Claimed by binding a guard port at the range's last address: atomic, visible to every user of the
host, and released by the kernel however the daemon ends. A range with any other listener (a machine
that outlived its sandbox, another program) is skipped.
"""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import Refused

GUARD_PORT = 7077
_NUMBERS = range(64, 251)
_LISTEN = "0A"


@dataclass(frozen=True)
class Network:
    """One claimed range; `guard` is the listening socket that holds it."""

    number: int
    guard: socket.socket

    @property
    def cidr(self) -> str:
        """The range as a VPC's CIDR block."""
        return f"127.{self.number}.0.0/16"

    @property
    def database_host(self) -> str:
        """The address of PostgreSQL."""
        return f"127.{self.number}.250.9"

    @property
    def dns_host(self) -> str:
        """The address of the name server."""
        return f"127.{self.number}.250.53"

    @property
    def tunnel_host(self) -> str:
        """The address of the tunnel to machines by their instance ids."""
        return f"127.{self.number}.250.78"

    @property
    def control_url(self) -> str:
        """The URL of the daemon's control server, which uses the guard port."""
        return f"http://127.{self.number}.255.254:{GUARD_PORT}"


def claim() -> Network:
    """Claim the first free range.

    Raises Refused if there is none.
    """
    taken = _listening()
    for number in _NUMBERS:
        guard = None if number in taken else _bind(f"127.{number}.255.254")
        if guard is not None:
            return Network(number, guard)
    raise Refused(
        "every loopback range (127.64.0.0/16 to 127.250.0.0/16) is in use",
        cure="deployer sandbox down   (in the directories of other sandboxes)",
    )


def _bind(host: str) -> socket.socket | None:
    guard = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Linux: allows a range to be claimed again while old connections linger, never while a
        # listener exists.
        guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        guard.bind((host, GUARD_PORT))
        guard.listen(32)
    except OSError:
        guard.close()
        return None
    return guard


def _listening() -> set[int]:
    """The N of every 127.N.x.y that has any listener."""
    if not sys.platform.startswith("linux"):
        return set()
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        octets = bytes.fromhex(local.partition(":")[0])
        if sys.byteorder == "little":
            octets = octets[::-1]
        if state == _LISTEN and octets[0] == 127:
            found.add(octets[1])
    return found
