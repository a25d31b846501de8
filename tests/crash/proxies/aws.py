"""The door before AWS: a reverse proxy of HTTP, through which a command reaches the sandbox's API.

It also holds AWS's clock, which is the only one that the product goes by: the `Date` of every
answer is as much later as the test says, so that nobody has to wait for the end of a lease.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from deployer.sandbox.aws.http.error_replies import error_reply, internal_error, throttled
from deployer.sandbox.aws.http.request import ApiCall, read_call
from tests.crash.proxies.proxy import HOST, Door, Server
from tests.crash.proxies.recorder import Fault, Watch
from tests.crash.proxies.request_names import aws_name

POSSIBLE = frozenset(Fault)
SKEW = timedelta(minutes=5)
"""AWS refuses signatures that are further off (aws.md: request signing)."""

_HOPS = frozenset({"connection", "keep-alive", "transfer-encoding"})
Reply = tuple[int, list[tuple[str, str]], bytes]


class AwsDoor(Door):
    """Serves at `endpoint` until `close`; the sandbox's API is behind it."""

    def __init__(self, behind: str, watch: Watch) -> None:
        self.ahead = timedelta(0)
        self.strict_clock = False
        self.watch = watch
        self.behind = urlsplit(behind).netloc
        super().__init__(_Handler)

    @property
    def endpoint(self) -> str:
        """Where commands are to look for AWS."""
        return f"http://{HOST}:{self.port}"

    @property
    def now(self) -> datetime:
        """The time on AWS's clock."""
        return datetime.now(UTC) + self.ahead


class _Handler(BaseHTTPRequestHandler):
    """One client's connection, and one of its own to the API."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        assert isinstance(self.server.door, AwsDoor)
        self._door = self.server.door
        self._upstream = http.client.HTTPConnection(self._door.behind, timeout=60)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = self._call(body)
        if self._door.strict_clock and self._is_skewed():
            return self._send(_wire(error_reply(call, 403, *self._refusal(call))))
        if not call.mutating:
            self._door.watch.read()
            return self._send(self._forward(body))
        fault = self._door.watch.passes(aws_name(call, body), POSSIBLE)
        return _DEEDS[fault](self, call, body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815 -- the base's names

    def _call(self, body: bytes) -> ApiCall:
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_AUTHORIZATION": self.headers.get("Authorization", ""),
            "HTTP_X_AMZ_TARGET": self.headers.get("X-Amz-Target", ""),
        }
        return read_call(environ, body)

    def _is_skewed(self) -> bool:
        said = self.headers.get("X-Amz-Date", "")
        signed = datetime.strptime(said, "%Y%m%dT%H%M%S%z")
        return abs(signed - self._door.now) > SKEW

    def _refusal(self, call: ApiCall) -> tuple[str, str]:
        """Code and message, in the words of the service that is asked."""
        if call.protocol == "ec2":
            return "RequestExpired", "Request has expired."
        said, now = self.headers.get("X-Amz-Date", ""), f"{self._door.now:%Y%m%dT%H%M%SZ}"
        if said < now:
            return "SignatureDoesNotMatch", f"Signature expired: {said} is now earlier than {now}"
        return (
            "SignatureDoesNotMatch",
            f"Signature not yet current: {said} is still later than {now}",
        )

    # What becomes of a request

    def _good(self, call: ApiCall, body: bytes) -> None:  # noqa: ARG002 -- as all deeds
        self._send(self._forward(body))

    def _kill_before(self, call: ApiCall, body: bytes) -> None:  # noqa: ARG002
        self._door.watch.slay()
        self._hang_up()

    def _kill_after(self, call: ApiCall, body: bytes) -> None:  # noqa: ARG002
        self._forward(body)
        self._door.watch.slay()
        self._hang_up()

    def _lose(self, call: ApiCall, body: bytes) -> None:  # noqa: ARG002
        self._forward(body)
        self._hang_up()

    def _twice(self, call: ApiCall, body: bytes) -> None:  # noqa: ARG002
        first = self._forward(body)
        self._forward(body)
        self._send(first)

    def _again_late(self, call: ApiCall, body: bytes) -> None:  # noqa: ARG002
        again = _Copy(self._door.behind, self.command, self.path, dict(self.headers), body)
        self._door.watch.late.append(again.deliver)
        self._send(self._forward(body))

    def _throttle(self, call: ApiCall, body: bytes) -> None:  # noqa: ARG002
        self._send(_wire(throttled(call)))

    def _fail(self, call: ApiCall, body: bytes) -> None:
        self._forward(body)
        self._send(_wire(internal_error(call)))

    # The wire

    def _forward(self, body: bytes) -> Reply:
        kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOPS}
        self._upstream.request(self.command, self.path, body, kept)
        answer = self._upstream.getresponse()
        read = answer.read()
        headers = [(n, v) for n, v in answer.getheaders() if n.lower() not in _HOPS]
        return answer.status, headers, read

    def _send(self, reply: Reply) -> None:
        status, headers, body = reply
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "date"):
                self.send_header(name, value)
        self.send_header("Date", self._date(dict(headers).get("Date", "")))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _date(self, said: str) -> str:
        real = parsedate_to_datetime(said) if said else datetime.now(UTC)
        return format_datetime(real + self._door.ahead, usegmt=True)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base's name
        """Nothing: the watch has the book."""


class _Copy:
    """A request to be delivered a second time, by itself."""

    def __init__(
        self, behind: str, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        self._behind = behind
        self._request = method, path, body, headers

    def deliver(self) -> None:
        """As if it had been under way all the time; nobody hears the answer."""
        connection = http.client.HTTPConnection(self._behind, timeout=60)
        try:
            connection.request(*self._request)
            connection.getresponse().read()
        finally:
            connection.close()


def _wire(reply: Any) -> Reply:
    return reply.status_code, list(reply.headers.items()), reply.get_data()


_DEEDS: dict[Fault | None, Callable[[_Handler, ApiCall, bytes], None]] = {
    None: _Handler._good,
    Fault.KILL_BEFORE: _Handler._kill_before,
    Fault.KILL_AFTER: _Handler._kill_after,
    Fault.LOST: _Handler._lose,
    Fault.TWICE: _Handler._twice,
    Fault.LATE: _Handler._again_late,
    Fault.THROTTLED: _Handler._throttle,
    Fault.FAILED: _Handler._fail,
}
