"""Takes a reply that is cut, empty or not of AWS for no answer, which botocore does not.

botocore gives up at once where it cannot parse a reply, and puts the reply into the error. Worse,
it takes an empty or foreign document for an answer without entries: nothing found, where nothing
is known. Here such a reply becomes the error code of a time-out. botocore repeats a read for that;
for a client with one attempt a call, the call ends as one whose reply was lost.
"""

from __future__ import annotations

import json
import re
from typing import Any

from botocore.exceptions import HTTPClientError
from botocore.model import Shape, StructureShape
from botocore.parsers import ResponseParserError, ResponseParserFactory
from botocore.session import Session

from reconciler.aws.client.ec2_parser import LeanParser

_CUT = "the reply was cut off, or is none of AWS"
_ROOT = re.compile(
    rb"\s*(?:<\?xml[^>]*\?>)?\s*<(?:\w+:)?"
    rb"(?:\w*Response|List\w+Result|LocationConstraint|\w+Configuration)[\s/>]"
)
"""How every XML reply of the services that we use begins, unless it is an error; S3's are named
after the result."""


class CutReply(HTTPClientError):
    """The reply to a call that may have been carried out cannot be read."""

    fmt = _CUT


class WholeReplies(ResponseParserFactory):
    """botocore's parsers, our own for EC2, none of which takes a broken reply for an answer."""

    def create_parser(self, protocol_name: str) -> Any:
        """The parser of a protocol."""
        own = LeanParser() if protocol_name == "ec2" else super().create_parser(protocol_name)
        return _WholeParser(own, is_json=protocol_name == "json")


class _WholeParser:
    def __init__(self, parser: Any, *, is_json: bool) -> None:
        self._parser = parser
        self._is_answer = _is_json if is_json else _is_xml

    def parse(self, response: dict[str, Any], shape: Shape | None) -> Any:
        """The reply as botocore parses it, or the error of a time-out."""
        try:
            if response["status_code"] < 300 and _has_body(shape):
                self._is_answer(response["body"])
            return self._parser.parse(response, shape)
        except (ResponseParserError, ValueError):
            about = {"HTTPStatusCode": response["status_code"], "HTTPHeaders": {}}
            return {
                "Error": {"Code": "RequestTimeout", "Message": _CUT},
                "ResponseMetadata": about,
            }


def use(session: Session) -> None:
    """Let every client of the session refuse such replies."""
    session.register_component("response_parser_factory", WholeReplies())
    session.register("after-call", _refuse)


def is_cut(parsed: dict[str, Any]) -> bool:
    """Whether this stands for a reply that could not be read."""
    return bool((parsed.get("Error") or {}).get("Message") == _CUT)


def _refuse(**event: Any) -> None:
    """After the last attempt, and before the client returns what was parsed."""
    if is_cut(event["parsed"]):
        raise CutReply


def _has_body(shape: Shape | None) -> bool:
    """Whether the body is a document. An object of S3 is none, and is not read yet."""
    members = shape.members.values() if isinstance(shape, StructureShape) else ()
    forms = [member.serialization for member in members]
    return any("location" not in form and "streaming" not in form for form in forms)


def _is_json(body: bytes) -> None:
    if not isinstance(json.loads(body), dict):
        raise ValueError(_CUT)


def _is_xml(body: bytes) -> None:
    if not _ROOT.match(body):
        raise ValueError(_CUT)
