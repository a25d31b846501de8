"""Open connections are counted by the app's own sockets, in a real /proc."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator

import pytest

from reconciler.machine.connections import count_script, counted


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A service of this very process."""
    one = socket.create_server(("127.0.0.1", 0))
    yield one
    one.close()


def count(pid: int) -> int | None:
    """What the script says of a unit whose only process is `pid`."""
    given = f"left() {{ echo {pid}; }}\nshow() {{ :; }}\n"
    script = f"set -eu\n{given}{count_script(('shop.service',))}\n"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return counted(done.stdout)


def test_connections_to_its_ports_are_counted(listener: socket.socket) -> None:
    """Those that clients have opened; not those that it opened itself, to its database."""
    assert count(os.getpid()) == 0
    clients = [socket.create_connection(listener.getsockname()) for _ in range(3)]
    served = [listener.accept()[0] for _ in clients]
    assert count(os.getpid()) == 3
    for one in (*served, *clients):
        one.close()


def test_other_processes_do_not_count(listener: socket.socket) -> None:
    """A unit without a socket, on a machine where another service has clients."""
    other = subprocess.Popen(["sleep", "60"], close_fds=True)
    with socket.create_connection(listener.getsockname()), listener.accept()[0]:
        assert count(other.pid) == 0
    other.kill()
    other.wait()


def test_an_order_that_did_not_count_says_nothing() -> None:
    """Zero is a number: it is not what an unknown one looks like."""
    assert counted("") is None
    assert counted("connected=0") == 0
