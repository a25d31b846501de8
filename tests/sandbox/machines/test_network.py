"""What a machine can do with the host's network, which it shares (README, "Limits")."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from deployer.sandbox.machines.host import low_port
from tests.sandbox.machines.lab import Client, Lab, wait_for
from tests.sandbox.machines.test_systemctl import install

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


_SERVE = """
import os, socket, sys
family = getattr(socket, sys.argv[1])
server = socket.create_server(("", 8080), family=family, dualstack_ipv6=family != socket.AF_INET)
print(server.getsockname()[0], flush=True)
os.set_inheritable(server.fileno(), True)
while True:
    server.accept()[0].sendall(os.uname().nodename.encode())
"""


def ask(address: str) -> str:
    """What answers at that address."""
    with socket.create_connection((address, 8080), 5) as client:
        return client.recv(100).decode()


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
def test_apps_of_several_machines_may_bind_every_address(lab: Lab, family: str) -> None:
    """Each is reached at its own machine's address, and nothing of the host listens."""
    if not (Path("/proc/net/if_inet6").exists() or family == "AF_INET"):
        pytest.skip("no IPv6 here")
    machines = [lab.boot(), lab.boot()]
    for machine in machines:
        client = lab.connect(machine)
        install(client, f"ExecStart=/usr/local/bin/python3 /srv/serve.py {family}\n")
        assert client.run("sudo tee /srv/serve.py", _SERVE.encode()).code == 0
        client("sudo systemctl start app")
    for machine in machines:
        address = lab.address(machine)
        wait_for(partial(listens, address))
        assert ask(address) == f"ip-{address.replace('.', '-')}"
    assert not listens("127.0.0.1")


def listens(address: str) -> bool:
    """Whether anything does, at the port of the test."""
    with socket.socket() as client:
        return client.connect_ex((address, 8080)) == 0


def test_a_bind_to_a_port_that_is_taken_fails_as_ever(lab: Lab) -> None:
    """EADDRINUSE; a bind to an address of one's own choice is the kernel's business."""
    client = lab.connect(lab.boot())
    code = (
        "import errno, socket\n"
        "first = socket.create_server(('', 8081))\n"
        "try:\n    socket.create_server(('0.0.0.0', 8081), reuse_port=False)\n"
        "except OSError as error:\n    print(errno.errorcode[error.errno])\n"
        "print(socket.create_server(('127.0.0.1', 0)).getsockname()[0])\n"
    )
    assert client.run("/usr/local/bin/python3 -", code.encode()).out.split() == [
        "EADDRINUSE",
        "127.0.0.1",
    ]


def test_ssh_listens_on_port_22_where_the_host_may(lab: Lab) -> None:
    """As root, or where net.ipv4.ip_unprivileged_port_start allows it; after a reboot as well."""
    spec = lab.spec()
    host = low_port(spec.address, 22)
    if host is None:
        pytest.skip("port 22 is not ours to open: sysctl net.ipv4.ip_unprivileged_port_start=22")
    host.close()
    lab.create(spec)
    for _ in range(2):
        lab.await_up(spec.instance_id)
        assert "ubuntu" in lab.connect(spec.instance_id, port=22)("whoami")
        lab.machines.reboot(spec.instance_id)


def test_a_unit_runs_as_its_user(client: Client) -> None:
    """To the kernel, not only by name; root's units stay root's."""
    code = "import os; print(os.getuid(), os.getgid(), os.stat('/srv').st_uid, flush=True)"
    for name, more in (("mine", "User=www-data\n"), ("roots", "")):
        install(client, f'{more}ExecStart=/usr/local/bin/python3 -c "{code}"\n', name)
        client(f"sudo systemctl start {name}")
    wait_for(lambda: "33 33 33" in client("journalctl -u mine -n 9"))
    wait_for(lambda: "0 0 0" in client("journalctl -u roots -n 9"))
