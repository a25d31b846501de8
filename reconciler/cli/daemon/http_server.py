"""The loop's HTTP server: metrics for Prometheus, and health checks, as WSGI applications.

Listens on loopback by default. It only reads, takes no input but a path, and knows no secrets.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from socket import AF_INET, AF_INET6, SHUT_RDWR
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from reconciler.errors import ConfigError

TIMEOUT = 10.0
"""Seconds for a client to send its request and read the response."""

CONNECTIONS = 32
"""Maximum number of simultaneous connections; a further one is closed at once."""

_HEADERS = (("Cache-Control", "no-store"), ("Server", "reconciler"))

Pages = Mapping[str, WSGIApplication]
"""Applications by path."""


def respond(
    start: StartResponse, status: HTTPStatus, body: str, kind: str = "text/plain; charset=utf-8"
) -> Iterable[bytes]:
    """Answer a request with a text."""
    start(f"{status.value} {status.phrase}", [("Content-Type", kind)])
    return [body.encode()]


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
        server = _Server(address, pages)
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(
            f"cannot listen on {address}: {why}", cure="Choose another    --listen ADDR:PORT"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="http-server", daemon=True)
    thread.start()
    try:
        yield Address(address.host, server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(WSGIRequestHandler):
    server_version = "reconciler"
    sys_version = ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing: Prometheus sends a request every few seconds."""


class _Server(ThreadingMixIn, WSGIServer):
    """Ends clients that are too many or too slow; ignores those that disconnect."""

    daemon_threads = True

    def __init__(self, address: Address, pages: Pages) -> None:
        self.address_family = AF_INET6 if ":" in address.host else AF_INET
        self._deadlines: dict[Any, float] = {}
        super().__init__((address.host, address.port), _Handler)
        self.set_app(_application(pages))

    def server_bind(self) -> None:
        """Bind without HTTPServer's DNS query for the host name of this computer."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002
        return len(self._deadlines) < CONNECTIONS

    def process_request(self, request: Any, client_address: Any) -> None:
        self._deadlines[request] = time.monotonic() + TIMEOUT
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._deadlines.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Disconnect the clients that took too long; called at least twice a second."""
        for request, deadline in self._deadlines.copy().items():
            if time.monotonic() > deadline:
                with contextlib.suppress(OSError):  # its thread has closed it in the meantime
                    request.shutdown(SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _application(pages: Pages) -> WSGIApplication:
    """Respond with the page of the path, to GET and HEAD."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
            return start_response(status, [*headers, *_HEADERS])

        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD"):
            return respond(start, HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD\n")
        page = pages.get(environ["PATH_INFO"], _not_found)
        body = page({**environ, "REQUEST_METHOD": "GET"}, start)
        # An iterator has no length, so that no Content-Length of 0 is sent for HEAD.
        return body if method == "GET" else iter([b""])

    return application


def _not_found(_: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    return respond(start, HTTPStatus.NOT_FOUND, "not found\n")
