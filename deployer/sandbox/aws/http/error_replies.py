"""Error replies in each service's own format, for faults and unimplemented actions."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from uuid import uuid4
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from deployer.sandbox.aws.api.errors import STRICT
from deployer.sandbox.aws.http.request import ApiCall

log = logging.getLogger(__name__)

_ROUTE53_NS = "https://route53.amazonaws.com/doc/2013-04-01/"


def error_reply(call: ApiCall, status: int, code: str, message: str) -> Response:
    """An error in the format of `call`'s protocol."""
    if call.protocol == "json":
        body = json.dumps({"__type": code, "message": message})
        return Response(body, status, content_type="application/x-amz-json-1.1")
    return Response(_xml(call, code, message), status, content_type="text/xml;charset=UTF-8")


def _xml(call: ApiCall, code: str, message: str) -> str:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    request_id = str(uuid4())
    if call.protocol == "ec2":
        errors = f"<Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID>"
        return f"{head}<Response>{errors}</Response>"
    if call.protocol == "rest":
        return f"{head}<Error>{error}<RequestId>{request_id}</RequestId></Error>"
    space = f' xmlns="{_ROUTE53_NS}"' if call.protocol == "route53" else ""
    inner = f"<Error><Type>Sender</Type>{error}</Error><RequestId>{request_id}</RequestId>"
    return f"{head}<ErrorResponse{space}>{inner}</ErrorResponse>"


def throttled(call: ApiCall) -> Response:
    """The throttling error, with the service's own code (aws.md §1 and §4)."""
    if call.service == "route53":
        return error_reply(call, 400, "Throttling", "Rate exceeded")
    if call.protocol == "ec2":
        return error_reply(call, 503, "RequestLimitExceeded", "Request limit exceeded.")
    if call.protocol == "rest":
        return error_reply(call, 503, "SlowDown", "Please reduce your request rate.")
    code = "ThrottlingException" if call.protocol == "json" else "Throttling"
    return error_reply(call, 400, code, "Rate exceeded")


def internal_error(call: ApiCall) -> Response:
    """HTTP 500, the answer of a failing service."""
    code = "InternalError" if call.protocol in ("ec2", "rest") else "InternalFailure"
    return error_reply(call, 500, code, "An internal error has occurred")


def not_implemented(call: ApiCall) -> Response:
    """For actions of neither moto nor the sandbox: a client error, since a 500 would be retried."""
    text = f"The sandbox has no {call.service}:{call.action}, or not with these parameters."
    return error_reply(call, 400, "UnsupportedOperation", text)


def as_sent(call: ApiCall, reply: Response) -> Response:
    """What the client gets: our strict layer's answer as it is, moto's as AWS would put it."""
    if reply.headers.pop(STRICT, None) is not None:
        return reply
    lacks = reply.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    # moto has no such path: the answer is the web framework's
    lacks |= reply.mimetype == "text/html" and reply.status_code in (404, 405)
    if lacks:
        said = reply.get_data(as_text=True)
        log.warning("not implemented: %s:%s: %s", call.service, call.action, said)
        return not_implemented(call)
    return _in_protocol(call, reply)


def _in_protocol(call: ApiCall, reply: Response) -> Response:
    """The reply; an error that moto gives as JSON to a client that reads XML, as XML."""
    text = reply.get_data(as_text=True) if reply.status_code >= HTTPStatus.BAD_REQUEST else ""
    if call.protocol == "json" or not text.startswith('{"__type"'):
        return reply
    said = json.loads(text)
    return error_reply(call, reply.status_code, str(said["__type"]), str(said.get("message", "")))
