"""The loop's small door: who may ask, and what is answered."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from http import HTTPStatus
from wsgiref.types import WSGIApplication

import pytest

from reconciler.cli.daemon import http_server
from reconciler.cli.daemon.http_server import Address, opened, respond
from reconciler.errors import ConfigError
from reconciler.util.backoff import Backoff

OFTEN = Backoff(first=0.02, longest=0.02, deadline=20)

LARGE = 30_000_000
"""Bytes: more than the buffers of a connection hold."""


def page(status: HTTPStatus, body: str, kind: str) -> WSGIApplication:
    """An application that always gives the same answer."""
    return lambda _, start: respond(start, status, body, kind)


PAGES = {
    "/healthz": page(HTTPStatus.SERVICE_UNAVAILABLE, "{}", "application/json"),
    "/large": page(HTTPStatus.OK, "x" * LARGE, "text/plain"),
    "/metrics": page(HTTPStatus.OK, "up 1\n", "text/plain; charset=utf-8"),
}


@pytest.fixture
def door() -> Iterator[Address]:
    """Some pages at any free port of loopback."""
    with opened(Address("127.0.0.1", 0), PAGES) as address:
        yield address


def connect(door: Address, said: bytes = b"") -> socket.socket:
    """A client that has sent this, and waits ten seconds at most for anything."""
    line = socket.create_connection((door.host, door.port), timeout=10)
    line.sendall(said)
    return line


def reset(line: socket.socket) -> None:
    """Hang up without a farewell: the server's next read or write fails."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


def is_ended(line: socket.socket) -> bool:
    """Whether the server ends the connection before the client's patience does."""
    try:
        return line.recv(1) == b""
    except ConnectionError:
        return True


def is_served(door: Address) -> bool:
    """Whether a client gets an answer."""
    try:
        return ask(door, "/metrics")[0] == 200
    except (ConnectionError, http.client.HTTPException):
        return False


def until_nobody_is_served() -> None:
    """Until the threads of all requests have ended."""
    for thread in threading.enumerate():
        if "process_request_thread" in thread.name:
            thread.join(10)
            assert not thread.is_alive()


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
    assert ask(door, "/metrics", "POST")[0] == 405


def test_no_header_tells_what_the_server_is_made_of(door: Address) -> None:
    """Nor is an answer kept by anybody."""
    for path in (b"metrics", b"x" * 70_000):
        with connect(door, b"GET /" + path + b" HTTP/1.0\r\n\r\n") as line:
            answer = line.makefile("rb").read()
        assert b"\r\nServer: reconciler" in answer
        assert b"python" not in answer.lower()
        assert b"wsgi" not in answer.lower()


def test_a_client_who_hangs_up_leaves_no_traceback(
    door: Address, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the middle of its request, or of the answer: nothing is written, all others are served."""
    reset(connect(door))
    reset(connect(door, b"GET /metr"))
    waiting = connect(door, b"GET /large HTTP/1.0\r\n\r\n")
    waiting.recv(1)
    reset(waiting)
    assert ask(door, "/metrics")[0] == 200
    until_nobody_is_served()
    assert capfd.readouterr() == ("", "")


def test_a_bug_in_a_page_is_seen(capfd: pytest.CaptureFixture[str]) -> None:
    """The client is told that it is the server's fault; the traceback is on stderr."""

    def broken(*_: object) -> list[bytes]:
        raise ZeroDivisionError

    with opened(Address("127.0.0.1", 0), {"/metrics": broken}) as door:
        assert ask(door, "/metrics")[0] == 500
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_more_clients_than_allowed_are_turned_away(
    door: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One too many is ended at once, and served once another has gone."""
    monkeypatch.setattr(http_server, "CONNECTIONS", 2)
    idle = [connect(door), connect(door)]
    with connect(door) as line:
        assert is_ended(line)
    idle.pop().close()
    assert any(is_served(door) for _ in OFTEN.attempts())
    idle.pop().close()


@pytest.mark.parametrize(
    "said", [b"", b"GET /metrics HTTP/1.0\r\n", b"GET /large HTTP/1.0\r\n\r\n"]
)
def test_a_client_who_stops_is_ended(
    said: bytes, door: Address, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whether it does not send its request, or does not read the answer."""
    monkeypatch.setattr(http_server, "TIMEOUT", 0.1)
    with connect(door, said):
        # On a busy machine the short limit may also end an ordinary request.
        assert any(is_served(door) for _ in OFTEN.attempts())
        until_nobody_is_served()
    assert capfd.readouterr() == ("", "")


def test_a_client_who_trickles_is_ended(door: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is for all of the request: a byte now and then does not lengthen it."""
    monkeypatch.setattr(http_server, "TIMEOUT", 0.5)

    def is_over(line: socket.socket) -> bool:
        try:
            line.sendall(b"x")
            return line.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    with connect(door, b"GET /") as line:
        line.settimeout(0.02)
        assert any(is_over(line) for _ in OFTEN.attempts())


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
