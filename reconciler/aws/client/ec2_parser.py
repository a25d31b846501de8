"""A faster parser of EC2's answers to reads, which in a large account have hundreds of pages.

botocore's parser looks up the service model again for every element; this took most of a listing's
time. Here the model of an answer becomes readers once, and the same bytes go through the same XML
parser into the same value. Any answer that does not look exactly as expected goes to botocore's own
parser, and so do answers to anything but `Describe…`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLParser

from botocore.model import ListShape, Shape, StructureShape
from botocore.parsers import EC2QueryParser
from botocore.utils import parse_timestamp

_READ = re.compile(r"Describe\w+Result")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z")
_UTC = parse_timestamp("1970-01-01T00:00:00Z").tzinfo

_ONE_AT_A_TIME = threading.Lock()
"""A tree of a thousand machines takes 20 MB. The interpreter lets one thread parse anyway."""

_Reader = Callable[[Element], Any]
"""The value of an element. Raises _OddError, ValueError if botocore must decide."""


class _OddError(Exception):
    """The answer, or its model, is not of the simple form that is read here."""


class LeanParser(EC2QueryParser):
    """botocore's parser, except for the answers to reads."""

    def __init__(self) -> None:
        super().__init__()
        self._readers: dict[tuple[str, str], _Reader | None] = {}

    def _do_parse(self, response: dict[str, Any], shape: Shape | None) -> Any:
        lean = None
        if isinstance(shape, StructureShape) and _READ.fullmatch(shape.name):
            lean = self.read(response["body"], shape)
        if lean is not None:
            return lean
        return super()._do_parse(response, shape)  # type: ignore[misc]  # the types leave it out

    def read(self, body: bytes, shape: StructureShape) -> dict[str, Any] | None:
        """The answer as botocore would parse it; None if botocore itself must parse it."""
        with _ONE_AT_A_TIME:
            try:
                root = _root(body)
                space = root.tag[: root.tag.rfind("}") + 1]
                reader = self._reader(shape, space)
                return _with_request_id(reader(root), root, space) if reader else None
            except (ParseError, _OddError, ValueError):
                return None

    def _reader(self, shape: StructureShape, space: str) -> _Reader | None:
        """Made once for each answer; None if its model has a form that is not read here."""
        key = (shape.name, space)
        if key not in self._readers:
            try:
                self._readers[key] = _structure(shape, space)
            except _OddError:
                self._readers[key] = None
        return self._readers[key]


def _root(body: bytes) -> Element:
    parser = XMLParser(encoding="utf-8")  # noqa: S314  # botocore's own; the bytes are AWS's
    parser.feed(body)
    return parser.close()


def _with_request_id(parsed: dict[str, Any], root: Element, space: str) -> dict[str, Any]:
    found = [child for child in root if child.tag == f"{space}requestId"]
    if len(found) > 1:
        raise _OddError
    if found:
        parsed["ResponseMetadata"] = {"RequestId": found[0].text}
    return parsed


def _compiled(shape: Shape, space: str) -> _Reader:
    if isinstance(shape, StructureShape):
        return _structure(shape, space)
    if isinstance(shape, ListShape):
        return _list(shape, space)
    if shape.type_name not in _SCALARS:
        raise _OddError
    return _SCALARS[shape.type_name]


def _structure(shape: StructureShape, space: str) -> _Reader:
    if shape.is_tagged_union or shape.metadata.get("exception"):
        raise _OddError
    fields = {
        space + member.serialization.get("name", name): (name, _compiled(member, space))
        for name, member in shape.members.items()
    }
    if len(fields) != len(shape.members):
        raise _OddError

    def read(node: Element) -> dict[str, Any]:
        parsed: dict[str, Any] = {}
        for child in node:
            field = fields.get(child.tag)
            if field is None:
                _leave_out(child.tag, space)
                continue
            name, reader = field
            if name in parsed:
                raise _OddError
            parsed[name] = reader(child)
        return parsed

    return read


def _leave_out(tag: str, space: str) -> None:
    """Fields that the model does not know are left out; other namespaces are for botocore."""
    if not tag.startswith(space) or "}" in tag[len(space) :]:
        raise _OddError


def _list(shape: ListShape, space: str) -> _Reader:
    if shape.serialization.get("flattened"):
        raise _OddError
    reader = _compiled(shape.member, space)
    return lambda node: [reader(child) for child in node]


def _text(node: Element) -> str:
    """Shared: of a thousand machines most tags, types and states are the same words."""
    return intern(node.text or "")


def _integer(node: Element) -> int:
    return int(node.text or "")


def _number(node: Element) -> float:
    return float(node.text or "")


def _boolean(node: Element) -> bool:
    return node.text == "true"


def _timestamp(node: Element) -> datetime:
    return _time(node.text or "")


@lru_cache(maxsize=4096)
def _time(text: str) -> datetime:
    """As botocore parses it; times of the usual form without its guesses."""
    if _TIME.fullmatch(text):
        return datetime.fromisoformat(text[:-1]).replace(tzinfo=_UTC)
    found: datetime = parse_timestamp(text)
    return found


_SCALARS: dict[str, _Reader] = {
    "string": _text,
    "character": _text,
    "integer": _integer,
    "long": _integer,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
}
