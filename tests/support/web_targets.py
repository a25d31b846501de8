"""Web servers for tests of load balancers: each answers with its own name."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class WebTarget:
    """A server at an address; `status` is what it answers, `hold` lets its answers wait.

    `/slow` waits for `let_go` as well, whatever the other paths do; `/big/N` has N bytes. `asked`
    lists the paths of all requests that were no health checks.
    """

    def __init__(self, address: str, port: int, name: str) -> None:
        self.name = name
        self.status = 200
        self.asked: list[str] = []
        self.arrived = threading.Event()
        self._going = threading.Event()
        self._slow = threading.Event()
        self._going.set()
        handler = type("Handler", (_Handler,), {"target": self})
        self._server = _Server((address, port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def hold(self) -> None:
        """Answer nothing until `let_go`."""
        self._going.clear()

    def let_go(self) -> None:
        """Answer everything that waits."""
        self._going.set()
        self._slow.set()

    def stop(self) -> None:
        """Die: the port is closed, and connections break. Idempotent."""
        self.let_go()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body of a request."""
        self.arrived.set()
        waits_for = self._slow if path.startswith("/slow") else self._going
        waits_for.wait(30)
        if path.startswith("/big/"):
            return self.status, b"x" * int(path.removeprefix("/big/"))
        return self.status, self.name.encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """A load balancer may break its connections."""


class _Handler(BaseHTTPRequestHandler):
    target: WebTarget
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if not self.headers.get("User-Agent", "").startswith("ELB-HealthChecker"):
            self.target.asked.append(self.path)
        status, body = self.target.answer(self.path)
        self._reply(status, body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        """Answer with the name and what was sent."""
        if self.headers.get("Transfer-Encoding") == "chunked":
            sent = b"".join(iter(self._chunk, b""))
        else:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._reply(200, self.target.name.encode() + b" " + sent)

    def _chunk(self) -> bytes:
        data = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return data

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("X-Seen-For", self.headers.get("X-Forwarded-For", ""))
        if self.path == "/old":
            self.send_header("Connection", "close")  # the body ends with the connection
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""
