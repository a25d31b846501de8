"""A loopback port here that forwards to a port as a machine sees it.

Uses sockets and threads, not SSH: the session provides a function that opens a channel.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from reconciler.errors import ShellError

_CHUNK = 1 << 16
_log = logging.getLogger(__name__)


class Pipe(Protocol):
    """What a socket and an SSH channel have in common."""

    def recv(self, nbytes: int, /) -> bytes: ...
    def sendall(self, data: bytes, /) -> object: ...
    def close(self) -> None: ...
    def shutdown(self, how: int, /) -> None: ...


@contextlib.contextmanager
def listening(open_channel: Callable[[], Pipe]) -> Iterator[tuple[str, int]]:
    """Listen on 127.0.0.1 while the context lasts; every connection gets a channel of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        links = _Links(open_channel)
        acceptor = threading.Thread(target=_accept, args=(server, links), daemon=True)
        acceptor.start()
        try:
            yield "127.0.0.1", server.getsockname()[1]
        finally:
            # shutdown, not close alone: close does not wake a blocked accept.
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
            acceptor.join()
            links.close()


class _Links:
    """The open connections of one forwarding."""

    def __init__(self, open_channel: Callable[[], Pipe]) -> None:
        self._open_channel = open_channel
        self._open: set[Pipe] = set()
        self._lock = threading.Lock()

    def serve(self, near: socket.socket) -> None:
        try:
            far = self._open_channel()
        except ShellError as error:
            _log.info("forwarding: %s", error)  # the client sees it as a closed connection
            near.close()
            return
        with self._lock:
            self._open |= {near, far}
        _pump_both(near, far)
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()

    def close(self) -> None:
        with self._lock:
            pipes = list(self._open)
        for pipe in pipes:
            with contextlib.suppress(OSError):
                pipe.shutdown(socket.SHUT_RDWR)
            pipe.close()


def _accept(server: socket.socket, links: _Links) -> None:
    while True:
        try:
            near, _ = server.accept()
        except OSError:  # closed by the end of the context
            return
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=links.serve, args=(near,), daemon=True).start()


def _pump_both(near: Pipe, far: Pipe) -> None:
    back = threading.Thread(target=_pump, args=(far, near), daemon=True)
    back.start()
    _pump(near, far)
    back.join()


def _pump(source: Pipe, sink: Pipe) -> None:
    """Copies to the end of the source, then shuts the sink down: half-open links stay usable."""
    with contextlib.suppress(OSError, EOFError):
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    with contextlib.suppress(OSError, EOFError):
        sink.shutdown(socket.SHUT_WR)
