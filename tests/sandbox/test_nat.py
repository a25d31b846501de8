"""Traffic to public addresses: it arrives, it ends with the address, and nothing is left behind."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psutil
import pytest

from deployer.sandbox.machine_host import Route
from deployer.sandbox.network import loopback_range
from deployer.sandbox.network.nat import Forwarders
from deployer.sandbox.network.relay import CHUNK

BIG = bytes(range(256)) * 8192


@pytest.fixture
def net() -> Iterator[str]:
    """The first two numbers of a loopback range that is ours."""
    claimed = loopback_range.claim()
    with closing(claimed.guard):
        yield f"127.{claimed.number}"


@pytest.fixture
def nat() -> Iterator[Forwarders]:
    """Forwarders that are ended with the test."""
    one = Forwarders()
    yield one
    one.close()


@contextmanager
def _machine(address: str) -> Iterator[int]:
    """Answers with all it was sent, in capitals, once the client has ended; its port."""
    with socket.create_server((address, 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.sendall(_all_of(client).upper())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _ask(address: str, port: int, words: bytes) -> bytes:
    with socket.create_connection((address, port), timeout=10) as client:
        client.sendall(words)
        _end(client)
        return _all_of(client)


def _end(client: socket.socket) -> None:
    """Say that no more is sent. Raises ConnectionResetError where the reset has come before."""
    try:
        client.shutdown(socket.SHUT_WR)
    except OSError as error:
        if error.errno != errno.ENOTCONN:
            raise
        raise ConnectionResetError(error.errno, "reset before the end") from error


def _all_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_what_is_sent_to_the_public_address_reaches_the_machine(net: str, nat: Forwarders) -> None:
    """Both ways, more than any buffer holds, and each side may end before the other."""
    with _machine(f"{net}.0.4") as port:
        nat.follow(frozenset({Route(f"{net}.192.1", port, f"{net}.0.4")}))
        assert _ask(f"{net}.192.1", port, BIG) == BIG.upper()


def test_a_long_line_is_slow_to_answer_and_not_narrow(net: str) -> None:
    """A connection waits for one round trip, its answer for another; bytes do not queue for it."""
    distance = 0.5
    nat = Forwarders(lambda: distance)
    with _machine(f"{net}.0.4") as port, closing(nat):
        nat.follow(frozenset({Route(f"{net}.192.1", port, f"{net}.0.4")}))
        began = time.monotonic()
        assert _ask(f"{net}.192.1", port, BIG * 8) == BIG.upper() * 8
        took = time.monotonic() - began
        assert took >= 2 * distance
        assert took < len(BIG * 8) / CHUNK * distance / 2, "each chunk waited for the one before"


def test_who_breaks_off_on_a_long_line_ends_the_connection(net: str) -> None:
    """A machine that refuses is seen as a reset there too, and closing tears what is under way."""
    nat = Forwarders(lambda: 0.05)
    with closing(nat):
        nat.follow(frozenset({Route(f"{net}.192.1", 8080, f"{net}.0.4")}))
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            _ask(f"{net}.192.1", 8080, BIG)
        with _machine(f"{net}.0.5") as port:
            nat.follow(frozenset({Route(f"{net}.192.2", port, f"{net}.0.5")}))
            with socket.create_connection((f"{net}.192.2", port), timeout=10) as client:
                client.sendall(b"half")
                nat.follow(frozenset())
                with pytest.raises(ConnectionResetError):
                    client.recv(1)


def test_what_the_machine_refuses_the_client_sees_reset(net: str, nat: Forwarders) -> None:
    """Nobody listens there (yet): an error, and never an empty answer.

    Whoever still writes when the reset comes is told of a broken pipe; whoever ends then, that
    there is no connection.
    """
    nat.follow(frozenset({Route(f"{net}.192.1", 8080, f"{net}.0.4")}))
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        _ask(f"{net}.192.1", 8080, b"hello")


def test_an_address_that_is_given_back_ends_its_connections(net: str, nat: Forwarders) -> None:
    """Those under way break, new ones are refused, and the other address goes on."""
    with _machine(f"{net}.0.4") as port:
        first, second = (Route(f"{net}.192.{n}", port, f"{net}.0.4") for n in (1, 2))
        nat.follow(frozenset({first, second}))
        with socket.create_connection((first.address, port), timeout=10) as client:
            client.sendall(b"a")
            nat.follow(frozenset({second}))
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        with pytest.raises(ConnectionRefusedError):
            _ask(first.address, port, b"a")
        assert _ask(second.address, port, b"a") == b"A"


def test_an_address_may_move_to_another_machine(net: str, nat: Forwarders) -> None:
    """As an Elastic IP does, at once."""
    with _machine(f"{net}.0.4") as port:
        nat.follow(frozenset({Route(f"{net}.192.1", port, f"{net}.0.5")}))
        nat.follow(frozenset({Route(f"{net}.192.1", port, f"{net}.0.4")}))
        assert _ask(f"{net}.192.1", port, b"moved") == b"MOVED"


def test_a_port_that_cannot_be_had_spoils_no_other(net: str, nat: Forwarders) -> None:
    """An ordinary user may not listen on 22; the rest of the groups' ports open."""
    with _machine(f"{net}.0.4") as port, socket.create_server((f"{net}.192.1", 0)) as taken:
        busy = taken.getsockname()[1]
        nat.follow(frozenset(Route(f"{net}.192.1", one, f"{net}.0.4") for one in (busy, port)))
        assert _ask(f"{net}.192.1", port, b"a") == b"A"


def test_nothing_is_left_without_routes(net: str, nat: Forwarders) -> None:
    """No thread and no socket, also where connections were under way."""
    me = psutil.Process()
    before = (threading.active_count(), me.num_fds())
    with closing(socket.create_server((f"{net}.0.4", 0))) as server:
        port = server.getsockname()[1]
        nat.follow(frozenset({Route(f"{net}.192.1", port, f"{net}.0.4")}))
        clients = [socket.create_connection((f"{net}.192.1", port)) for _ in range(5)]
        assert threading.active_count() > before[0]
        nat.follow(frozenset())
        for one in clients:
            one.close()
    nat.close()
    assert (threading.active_count(), me.num_fds()) == before


def test_an_address_that_moves_never_refuses_anybody(net: str, nat: Forwarders) -> None:
    """New connections lead to the other machine at once; one that was open is torn."""
    with _machine(f"{net}.0.4") as port, socket.create_server((f"{net}.0.5", port)) as other:
        nat.follow(frozenset({Route(f"{net}.192.1", port, f"{net}.0.4")}))
        with socket.create_connection((f"{net}.192.1", port), timeout=10) as kept:
            kept.sendall(b"half")
            nat.follow(frozenset({Route(f"{net}.192.1", port, f"{net}.0.5")}))
            with socket.create_connection((f"{net}.192.1", port), timeout=10):
                other.settimeout(10)
                other.accept()[0].close()
            with pytest.raises(ConnectionResetError):
                kept.recv(1)


def _connects(address: str, port: int) -> bool:
    """False where nothing answers; raises ConnectionRefusedError where something refuses."""
    try:
        socket.create_connection((address, port), timeout=0.3).close()
    except TimeoutError:
        return False
    return True


def test_at_a_closed_port_nobody_answers(net: str, nat: Forwarders) -> None:
    """Neither a refusal nor a connection, until the port is opened; then as everywhere."""
    with _machine(f"{net}.0.4") as port:
        closed, opened = Route(f"{net}.192.1", port), Route(f"{net}.192.1", port, f"{net}.0.4")
        nat.follow(frozenset({closed}))
        for _ in range(2):
            assert not _connects(closed.address, port)
        nat.follow(frozenset({opened}))
        assert _ask(opened.address, port, b"hello") == b"HELLO"
        nat.follow(frozenset({closed}))
        assert not _connects(closed.address, port)
        nat.follow(frozenset())
        with pytest.raises(ConnectionRefusedError):
            _ask(closed.address, port, b"hello")
