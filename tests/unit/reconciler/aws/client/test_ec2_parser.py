"""The leaner reading of EC2's answers gives what botocore's own parser gives, or leaves it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

import pytest
from botocore.loaders import create_loader
from botocore.model import ListShape, ServiceModel, Shape, StructureShape
from botocore.parsers import EC2QueryParser
from hypothesis import given
from hypothesis import strategies as st

from reconciler.aws.client.ec2_parser import LeanParser

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
_PLAIN = st.characters(
    codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"
)
TEXTS = st.text(_PLAIN, max_size=12)
FIELDS = st.sampled_from(("key", "resourceId", "resourceType", "value"))
ODD = st.sampled_from(("keys", "Value", "item", "tag"))
ROWS = st.dictionaries(FIELDS, TEXTS)
ODD_ROWS = st.dictionaries(FIELDS | ODD, TEXTS)


READ = (
    "Addresses",
    "Images",
    "Instances",
    "KeyPairs",
    "LaunchTemplateVersions",
    "LaunchTemplates",
    "NetworkInterfaces",
    "SecurityGroups",
    "Snapshots",
    "Tags",
    "Volumes",
)
"""What the product reads with `Describe…`."""
SCALARS: Mapping[str, tuple[str, ...]] = {
    "string": ("", "a & b", " i-1 ", "<"),
    "integer": ("0", "-7", "8"),
    "long": ("9000000000",),
    "float": ("0.5", "1e3"),
    "double": ("0.25",),
    "boolean": ("true", "false", "TRUE", ""),
    "timestamp": (
        "2026-11-23T03:15:02.000Z",
        "2026-11-23T03:15:02Z",
        "2026-11-23T03:15:02.5+01:00",
        "1795403702",
    ),
}


@cache
def _model() -> ServiceModel:
    return ServiceModel(create_loader().load_service_model("ec2", "service-2"), "ec2")


@cache
def _shape(operation: str = "DescribeTags") -> StructureShape:
    """What botocore's model says of an operation."""
    shape = _model().operation_model(operation).output_shape
    assert shape is not None
    return shape


def _lean(body: bytes) -> Any:
    return LeanParser().read(body, _shape())


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else f"<{name}/>"


def _body(rows: list[Mapping[str, str]], more: str = "", *, space: bool = True) -> bytes:
    items = "".join(
        f"<item>{''.join(_element(name, text) for name, text in row.items())}</item>"
        for row in rows
    )
    xmlns = f' xmlns="{NAMESPACE}"' if space else ""
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return (
        f"{head}<DescribeTagsResponse{xmlns}><requestId>r-1</requestId>"
        f"<tagSet>{items}</tagSet>{more}</DescribeTagsResponse>"
    ).encode()


def _parsed(
    parser: EC2QueryParser, body: bytes, status: int = 200, operation: str = "DescribeTags"
) -> Any:
    response = {"body": body, "headers": {"Date": "now"}, "status_code": status}
    return parser.parse(response, _shape(operation))


@given(st.lists(ROWS, max_size=4), TEXTS | st.none(), st.booleans())
def test_both_read_the_same(rows: list[Mapping[str, str]], token: str | None, space: bool) -> None:
    """Whatever the texts, with or without a token, fields in any order or left out."""
    body = _body(rows, "" if token is None else _element("nextToken", token), space=space)
    assert _lean(body) is not None
    assert _parsed(EC2QueryParser(), body) == _parsed(LeanParser(), body)


@given(st.lists(ODD_ROWS, min_size=1, max_size=3), st.sampled_from(("", "<odd/>", "<tagSet/>")))
def test_what_is_odd_is_read_as_botocore_reads_it(rows: list[Mapping[str, str]], more: str) -> None:
    """Elements that no row has, or a second list: not understood here, so not decided here."""
    body = _body(rows, more)
    assert _parsed(EC2QueryParser(), body) == _parsed(LeanParser(), body)


@pytest.mark.parametrize("item", ["<key>a</key><key>b</key>", "<key xmlns='urn:x'>a</key>"])
def test_an_odd_row_is_left_to_botocore(item: str) -> None:
    """A field twice, or one of another namespace."""
    assert _lean(_item(item)) is None


@pytest.mark.parametrize("item", ["<value> </value>", "text", "", "<key>a<b/>c</key>"])
def test_a_strange_row_is_read_as_botocore_reads_it(item: str) -> None:
    """Blanks stay what they are, and what stands between the fields is nothing."""
    body = _item(item)
    assert _parsed(EC2QueryParser(), body) == _parsed(LeanParser(), body)


def _item(inner: str) -> bytes:
    return _body([]).replace(
        b"<tagSet></tagSet>", f"<tagSet><item>{inner}</item></tagSet>".encode()
    )


@pytest.mark.parametrize("what", READ)
@given(seed=st.integers(0, 2**32))
def test_every_answer_that_we_read_is_read_as_botocore_reads_it(what: str, seed: int) -> None:
    """Every field of the model: some are there, some are not, with fields that it does not know."""
    shape = _shape(f"Describe{what}")
    inner = _content(shape, random.Random(seed), 0)  # no secret
    body = f'<R xmlns="{NAMESPACE}"><requestId>r-1</requestId>{inner}<odd>1</odd></R>'.encode()
    assert LeanParser().read(body, shape) is not None
    ours, theirs = (
        _parsed(parser, body, operation=f"Describe{what}")
        for parser in (LeanParser(), EC2QueryParser())
    )
    assert ours == theirs


def _content(shape: Shape, dice: random.Random, depth: int) -> str:
    """What an element of this shape may have in it."""
    if isinstance(shape, StructureShape):
        members = [one for one in shape.members.items() if dice.random() < 1 / (1 + depth / 2)]
        dice.shuffle(members)
        named = ((one.serialization.get("name", name), one) for name, one in members)
        return "".join(f"<{name}>{_content(one, dice, depth + 1)}</{name}>" for name, one in named)
    if isinstance(shape, ListShape):
        count = dice.randrange(3)
        return "".join(
            f"<item>{_content(shape.member, dice, depth + 1)}</item>" for _ in range(count)
        )
    return escape(dice.choice(SCALARS[shape.type_name]))


def test_a_number_that_is_none_fails_as_it_does_in_botocore() -> None:
    """Neither is it nought."""
    body = b"<R><volumeSet><item><size>much</size></item></volumeSet></R>"
    for parser in (LeanParser(), EC2QueryParser()):
        with pytest.raises(ValueError, match="much"):
            _parsed(parser, body, operation="DescribeVolumes")


def test_every_read_of_ec2_has_a_reader() -> None:
    """Of the model's `Describe…` answers one has bytes in it, which only botocore reads."""
    parser = LeanParser()
    reads = [name for name in _model().operation_names if name.startswith("Describe")]
    shapes = [_shape(name) for name in reads if _model().operation_model(name).output_shape]
    unread = [one.name for one in shapes if parser.read(b"<R/>", one) is None]
    assert len(shapes) > 100
    assert unread == ["DescribeBundleTasksResult"]


@pytest.mark.parametrize("body", [b"", b"<html>", _body([])[:-5], b"<a/>"])
def test_what_is_no_answer_fails_as_it_does_in_botocore(body: bytes) -> None:
    """Cut off half-way, it is an error and never a short list."""
    assert _outcome(EC2QueryParser(), body) == _outcome(LeanParser(), body)


def test_an_error_is_read_by_botocore() -> None:
    """Code and message are there as ever."""
    error = "<Error><Code>RequestLimitExceeded</Code><Message>slow</Message></Error>"
    body = f"<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>".encode()
    assert _parsed(LeanParser(), body, 503)["Error"]["Code"] == "RequestLimitExceeded"
    assert _parsed(LeanParser(), body, 503) == _parsed(EC2QueryParser(), body, 503)


def _outcome(parser: EC2QueryParser, body: bytes) -> Any:
    """What is read, or the kind of error."""
    try:
        return _parsed(parser, body)
    except Exception as error:  # noqa: BLE001  # the kind is what is compared
        return type(error)
