"""The WSGI middleware in front of the sandbox's API: journal, faults, lock, then moto.

A WSGI application around moto's. It answers `/_sandbox/...` itself.
"""

from __future__ import annotations

import io
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from deployer.sandbox.aws.http import pricing
from deployer.sandbox.aws.http.access import Knows, key_of, refusal
from deployer.sandbox.aws.http.admin_api import answer_control
from deployer.sandbox.aws.http.error_replies import (
    as_sent,
    error_reply,
    internal_error,
    not_implemented,
    throttled,
)
from deployer.sandbox.aws.http.rate_limits import Limits
from deployer.sandbox.aws.http.request import ApiCall, read_call
from deployer.sandbox.aws.http.request_log import RequestLog
from deployer.sandbox.aws.latency import figure
from deployer.sandbox.aws.state.cloud import AwsState
from deployer.sandbox.faults import FaultRule
from reconciler.errors import ToolError

log = logging.getLogger(__name__)
Environ = dict[str, Any]

OPERATOR = "sandbox-operator"
"""In the user agent of the sandbox's own calls (seed, status): no faults, no journal entry.

Only these may set and delete tags whose keys begin with `aws:`: on AWS its services do so, for the
members of an Auto Scaling group or of a stack.
"""


class ApiMiddleware:
    """Calls the API behind it, one request at a time, unless a fault says otherwise."""

    def __init__(self, behind: Any, cloud: AwsState, journal: RequestLog, knows: Knows) -> None:
        self._behind, self._knows = behind, knows
        self._cloud = cloud
        self._journal = journal
        self._limits = Limits(cloud.faults)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = _read_body(environ)
        call = read_call(environ, body)
        refused = refusal(environ, call, self._knows)
        if refused is not None:
            return refused(environ, start_response)
        path = environ.get("PATH_INFO", "").lstrip("/")
        if path.startswith("moto-api"):  # it resets the account, or seeds its ids, for anybody
            return not_implemented(call)(environ, start_response)
        if path.startswith("_sandbox/"):
            reply = answer_control(environ, body, self._cloud.faults, self._journal)
            return reply(environ, start_response)
        environ["sandbox.epoch"] = self._cloud.epoch
        if _is_operator(environ):
            return self._execute(environ, body, call)(environ, start_response)
        with self._cloud.lock:
            admitted = self._limits.admit(call)
        if not admitted:
            self._journal.add((call.service, call.action, call.mutating), 503, "limit")
            return throttled(call)(environ, start_response)
        time.sleep(figure(call.service, call.action).seconds * self._cloud.faults.latency)
        rule = self._cloud.faults.take(call.service, call.action, call.mutating, key_of(environ))
        reply = self._carry_out(environ, body, call, rule)
        dropped = rule is not None and rule.kind == "drop_reply"
        kind = rule.kind if rule else ""
        status = 0 if dropped else reply.status_code
        self._journal.add((call.service, call.action, call.mutating), status, kind)
        if dropped:
            _hang_up(environ)
        return reply(environ, start_response)

    def _carry_out(
        self, environ: Environ, body: bytes, call: ApiCall, rule: FaultRule | None
    ) -> Response:
        kind = rule.kind if rule else ""
        if rule is None or kind == "drop_reply":
            return self._execute(environ, body, call)
        if kind == "throttle":
            return throttled(call)
        if kind == "error500":
            return internal_error(call)
        if kind == "error":
            code = rule.code or "InternalError"
            return error_reply(call, rule.status, code, "This error was asked for")
        if kind == "delay":
            time.sleep(rule.seconds)
            return self._execute(environ, body, call)
        reply = self._execute(environ, body, call)
        self._deliver_again(environ, body, call, rule.seconds)
        return reply

    def _deliver_again(self, environ: Environ, body: bytes, call: ApiCall, seconds: float) -> None:
        def again() -> None:
            time.sleep(seconds)
            reply = self._execute(dict(environ), body, call)
            done = (call.service, call.action, call.mutating)
            self._journal.add(done, reply.status_code, "duplicate")

        thread = threading.Thread(target=again, name="aws-duplicate", daemon=True)
        thread.start()
        if seconds <= 0:
            thread.join()

    def _execute(self, environ: Environ, body: bytes, call: ApiCall) -> Response:
        if call.service == "pricing":  # public figures: no account, no state; moto has none
            return pricing.answer(call, body)
        inner = dict(environ)
        inner["wsgi.input"] = io.BytesIO(body)
        inner["CONTENT_LENGTH"] = str(len(body))
        try:
            with self._cloud.lock:
                if environ["sandbox.epoch"] != self._cloud.epoch:
                    return internal_error(call)  # the request was made before a reset of the cloud
                self._cloud.by_operator = _is_operator(environ)
                try:
                    chunks, status, headers = run_wsgi_app(self._behind, inner, buffered=True)
                finally:
                    if call.mutating:
                        self._cloud.listings.changed()
        except NotImplementedError as gap:
            log.warning("not implemented: %s:%s: %s", call.service, call.action, gap)
            return not_implemented(call)
        except (ToolError, OSError, RuntimeError):  # a machine failed, as AWS's own sometimes do
            log.exception("failed: %s:%s", call.service, call.action)
            return internal_error(call)
        except Exception:  # moto's, where it does not know a parameter
            log.exception("not implemented: %s:%s", call.service, call.action)
            return not_implemented(call)
        return as_sent(call, Response(b"".join(chunks), status, headers))


def _is_operator(environ: Environ) -> bool:
    return OPERATOR in environ.get("HTTP_USER_AGENT", "")


def _read_body(environ: Environ) -> bytes:
    if environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH"):
        chunked: bytes = environ["wsgi.input"].read()
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return chunked
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body: bytes = environ["wsgi.input"].read(length) if length else b""
    return body


def _hang_up(environ: Environ) -> None:
    """Close the connection without a byte of answer.

    Raises:
        ConnectionAbortedError: always; the server treats it as a client that disconnected.
    """
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("the reply is dropped: a fault asked for it")
