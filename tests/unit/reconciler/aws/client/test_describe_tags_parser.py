"""The leaner reading of DescribeTags gives what botocore's own parser gives, or leaves it alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

import pytest
from botocore.loaders import create_loader
from botocore.model import ServiceModel, Shape
from botocore.parsers import EC2QueryParser
from hypothesis import given
from hypothesis import strategies as st

from reconciler.aws.client.describe_tags_parser import LeanParser, read_tags

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
_PLAIN = st.characters(
    codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"
)
TEXTS = st.text(_PLAIN, max_size=12)
FIELDS = st.sampled_from(("key", "resourceId", "resourceType", "value"))
ODD = st.sampled_from(("keys", "Value", "item", "tag"))
ROWS = st.dictionaries(FIELDS, TEXTS)
ODD_ROWS = st.dictionaries(FIELDS | ODD, TEXTS)


@cache
def _shape() -> Shape:
    """What botocore's model says of DescribeTags."""
    model = ServiceModel(create_loader().load_service_model("ec2", "service-2"), "ec2")
    shape = model.operation_model("DescribeTags").output_shape
    assert shape is not None
    return shape


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


def _parsed(parser: EC2QueryParser, body: bytes, status: int = 200) -> Any:
    return parser.parse({"body": body, "headers": {"Date": "now"}, "status_code": status}, _shape())


@given(st.lists(ROWS, max_size=4), TEXTS | st.none(), st.booleans())
def test_both_read_the_same(rows: list[Mapping[str, str]], token: str | None, space: bool) -> None:
    """Whatever the texts, with or without a token, fields in any order or left out."""
    body = _body(rows, "" if token is None else _element("nextToken", token), space=space)
    assert read_tags(body) is not None
    assert _parsed(EC2QueryParser(), body) == _parsed(LeanParser(), body)


@given(st.lists(ODD_ROWS, min_size=1, max_size=3), st.sampled_from(("", "<odd/>", "<tagSet/>")))
def test_what_is_odd_is_read_as_botocore_reads_it(rows: list[Mapping[str, str]], more: str) -> None:
    """Elements that no row has, or a second list: not understood here, so not decided here."""
    body = _body(rows, more)
    assert _parsed(EC2QueryParser(), body) == _parsed(LeanParser(), body)


@pytest.mark.parametrize("item", ["<key>a</key><key>b</key>", "<key>a<b/>c</key>"])
def test_an_odd_row_is_left_to_botocore(item: str) -> None:
    """A field twice, or one with something in it."""
    assert read_tags(_item(item)) is None


@pytest.mark.parametrize("item", ["<value> </value>", "text", ""])
def test_a_strange_row_is_read_as_botocore_reads_it(item: str) -> None:
    """Blanks stay what they are, and what stands between the fields is nothing."""
    body = _item(item)
    assert _parsed(EC2QueryParser(), body) == _parsed(LeanParser(), body)


def _item(inner: str) -> bytes:
    return _body([]).replace(
        b"<tagSet></tagSet>", f"<tagSet><item>{inner}</item></tagSet>".encode()
    )


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
