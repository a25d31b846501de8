"""The loop's HTTP server: metrics for Prometheus, and health checks.

Listens on loopback by default. It only reads, takes no input but a path, and knows no secrets.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from socketserver import TCPServer

from reconciler.errors import ConfigError

TIMEOUT = 10.0
"""Seconds for a client to send its request."""


@dataclass(frozen=True)
class Page:
    """A response."""

    body: bytes
    status: int = 200
    kind: str = "text/plain; charset=utf-8"


Pages = Mapping[str, Callable[[], Page]]
"""Pages by path."""


@dataclass(frozen=True)
class Address:
    """The listen address. Port 0 means any free port."""

    host: str
    port: int

    @staticmethod
    def parse(text: str) -> Address:
        """The address written as `127.0.0.1:9750` or `[::1]:9750`. Raises ValueError."""
        host, colon, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError("an IPv6 address is written in brackets: [::1]:9750")
        if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
            raise ValueError(f'{text!r} is no address to listen on: write "127.0.0.1:9750"')
        return Address(host, int(port))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@contextlib.contextmanager
def opened(address: Address, pages: Pages) -> Iterator[Address]:
    """Serve at the address while the body runs; yields the address with its real port.

    Raises ConfigError if the address cannot be listened on.
    """
    try:
        server = _server(address, pages)
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(
            f"cannot listen on {address}: {why}", cure="Choose another    --listen ADDR:PORT"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="door", daemon=True)
    thread.start()
    try:
        yield Address(address.host, server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _server(address: Address, pages: Pages) -> ThreadingHTTPServer:
    class Server(ThreadingHTTPServer):
        daemon_threads = True
        if ":" in address.host:
            address_family = AF_INET6

        def server_bind(self) -> None:
            """Bind without HTTPServer's DNS query for the host name of this computer."""
            TCPServer.server_bind(self)

    class Handler(_Handler):
        shown = pages

    return Server((address.host, address.port), Handler)


class _Handler(BaseHTTPRequestHandler):
    shown: Pages = {}  # noqa: RUF012  each server's own subclass sets it
    timeout = TIMEOUT
    server_version = "reconciler"
    sys_version = ""

    def do_GET(self) -> None:
        """Respond with the page of the path."""
        page = self.shown.get(self.path.partition("?")[0])
        answer = page() if page else Page(b"not found\n", 404)
        # Ignore a client that has disconnected.
        with contextlib.suppress(OSError):
            self._send(answer)

    do_HEAD = do_GET  # noqa: N815

    def _send(self, page: Page) -> None:
        self.send_response(page.status)
        self.send_header("Content-Type", page.kind)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing: Prometheus sends a request every few seconds."""
