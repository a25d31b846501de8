"""What a machine can do with the host's network, which it shares (README, "Limits")."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.sandbox.machines.lab import Client

pytestmark = pytest.mark.timeout(60)

_TRY = """
import fcntl, socket, struct, sys
SIOCGIFMTU, SIOCSIFMTU = 0x8921, 0x8922
interface = struct.pack("16si", b"lo", 0)
def configure():
    # To what it is: were it allowed, nothing would change.
    with socket.socket() as any_socket:
        now = fcntl.ioctl(any_socket, SIOCGIFMTU, interface)
        fcntl.ioctl(any_socket, SIOCSIFMTU, now)
def add_an_address():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as rtnetlink:
        body = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 0, socket.if_nametoindex("lo"))
        body += struct.pack("=HH4s", 8, 2, socket.inet_aton("192.0.2.1"))
        header = struct.pack("=IHHII", 16 + len(body), 20, 0x605, 1, 0)
        rtnetlink.send(header + body)
        error = struct.unpack_from("=i", rtnetlink.recv(4096), 16)[0]
    if error:
        raise OSError(-error, "rtnetlink")
def listen_to_everything():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)).close()
def forge():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP).close()
try:
    globals()[sys.argv[1]]()
except PermissionError:
    sys.exit(77)
"""


@pytest.mark.parametrize("act", ["configure", "add_an_address", "listen_to_everything", "forge"])
def test_the_hosts_network_is_neither_changed_nor_overheard(client: Client, act: str) -> None:
    """Root of a machine sets nothing on the host's interfaces, and sees no packet of others."""
    done = client.run(f"sudo /usr/local/bin/python3 - {act}", _TRY.encode())
    assert done.code == 77, done


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on the host's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_machine_reaches_what_listens_on_the_hosts_loopback(
    client: Client, listener: socket.socket
) -> None:
    """The limit that README states. A machine in a namespace of its own makes this fail."""
    host, port = listener.getsockname()
    code = f"import socket; socket.create_connection(('{host}', {port}), 5).close()"
    client("hostname")
    assert client.run(f'python3 -c "{code}"').code == 0
