"""The daemon's control server: a few queries and commands as JSON over HTTP, for our clients only.

It listens on the guard port of the sandbox's loopback range and requires the token from the state
file, which only its owner can read.
"""

from __future__ import annotations

import hmac
import json
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from reconciler.errors import ToolError

Answer = Callable[[Mapping[str, str]], object]
"""The handler of a path: from the query's fields to a JSON-ready value."""

POLL_SECONDS = 0.02
"""The interval in which our servers check whether to stop."""

_TIMEOUT = 60.0
_log = logging.getLogger(__name__)


class ControlServer:
    """Serves `answers` (by path) on an already listening socket until `stop`."""

    def __init__(self, listener: socket, token: str, answers: Mapping[str, Answer]) -> None:
        handler = type("Handler", (_Handler,), {"token": token, "answers": answers})
        host, port = listener.getsockname()[:2]
        self._server = _Server((host, port), handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="control", daemon=True
        )

    def start(self) -> None:
        """Start to serve, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close the socket."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    token: str
    answers: Mapping[str, Answer]

    def do_POST(self) -> None:
        """Every request is a POST: no browser page can send a token with it."""
        given = self.headers.get("Authorization", "")
        if not hmac.compare_digest(given, f"Bearer {self.token}"):
            self._send(403, {"error": "not for you"})
            return
        url = urlsplit(self.path)
        answer = self.answers.get(url.path)
        if answer is None:
            self._send(404, {"error": f"no such path: {url.path}"})
            return
        self._send(*_ask(answer, dict(parse_qsl(url.query))))

    def _send(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base's name
        """Log nothing: errors are logged where they occur."""


def _ask(answer: Answer, query: Mapping[str, str]) -> tuple[int, object]:
    try:
        return 200, answer(query)
    except ToolError as error:
        return 409, {"error": error.message, "cure": error.cure, "detail": error.detail}
    except Exception as error:  # noqa: BLE001 -- whatever went wrong, the client must hear
        _log.exception("the control server failed")
        return 500, {"error": f"{type(error).__name__}: {error}"}


def ask(url: str, token: str, path: str, **query: str) -> Any:
    """Send a request to the daemon at `url` and return its answer.

    Raises ToolError with the daemon's message, or if it does not answer.
    """
    whole = f"{url}{path}?{urllib.parse.urlencode(query)}"
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(whole, data=b"", headers=headers, method="POST")
    # Loopback: do not use a proxy from the environment.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT) as reply:
            return json.loads(reply.read())
    except urllib.error.HTTPError as refused:
        raise _error(refused) from refused
    except OSError as error:
        message = f"the sandbox does not answer at {url}: {error}"
        raise ToolError(message, cure="deployer sandbox down, then up") from error


def _error(refused: urllib.error.HTTPError) -> ToolError:
    try:
        told = json.loads(refused.read())
        return ToolError(told["error"], cure=told.get("cure", ""), detail=told.get("detail", ""))
    except (ValueError, KeyError, TypeError):
        return ToolError(f"the sandbox answered {refused.code}")
