"""The loop's small door: who may ask, and what is answered."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest

from reconciler.daemon.http_server import Address, Page, opened
from reconciler.errors import ConfigError

PAGES = {
    "/healthz": lambda: Page(b"{}", 503, "application/json"),
    "/metrics": lambda: Page(b"up 1\n"),
}


@pytest.fixture
def door() -> Iterator[Address]:
    """Two pages at any free port of loopback."""
    with opened(Address("127.0.0.1", 0), PAGES) as address:
        yield address


def ask(door: Address, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    """Status, type and body."""
    connection = http.client.HTTPConnection(door.host, door.port, timeout=10)
    connection.request(method, path)
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply.status, reply.getheader("Content-Type", ""), body


def test_pages_and_nothing_else(door: Address) -> None:
    """Each page with its status; other paths are not there, other methods not done."""
    assert ask(door, "/metrics") == (200, "text/plain; charset=utf-8", b"up 1\n")
    assert ask(door, "/healthz?verbose=1") == (503, "application/json", b"{}")
    assert ask(door, "/healthz", "HEAD") == (503, "application/json", b"")
    assert ask(door, "/../etc/passwd")[0] == 404
    assert ask(door, "/metrics", "POST")[0] == 501


def test_a_reader_who_goes_stops_nobody(door: Address) -> None:
    """Somebody who connects and leaves, or says nonsense, is the only one who notices."""
    for said in (b"", b"\x00\xff\r\n\r\n", b"GET /metrics HTTP/1.1\r\n"):
        with socket.create_connection((door.host, door.port), timeout=5) as line:
            line.sendall(said)
    assert ask(door, "/metrics")[0] == 200


def test_an_address_that_is_taken_is_said(door: Address) -> None:
    """At the start, with what to do; nothing runs unseen."""
    taken = pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{door.port}")
    with taken as caught, opened(door, PAGES):
        pass
    assert "--listen" in caught.value.cure


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:9750", "127.0.0.1", 9750), ("[::1]:0", "::1", 0), ("box.lan:80", "box.lan", 80)],
)
def test_addresses(text: str, host: str, port: int) -> None:
    """As people write them, and back."""
    assert Address.parse(text) == Address(host, port)
    assert str(Address(host, port)) == text


@pytest.mark.parametrize("text", ["", "9750", ":9750", "::1:9750", "host:", "host:99999", "h:٣"])
def test_no_addresses(text: str) -> None:
    """What is none is refused, not guessed."""
    with pytest.raises(ValueError, match=r"listen on|brackets"):
        Address.parse(text)
