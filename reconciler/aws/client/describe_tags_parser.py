"""A faster parser of one answer: DescribeTags, which in a large account has hundreds of pages.

botocore's parser looks up the service model for every element; this took most of a listing's time.
Here the same bytes go through the same XML parser into the same value. Any answer that does not
look exactly as expected goes to botocore's own parser.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLParser

from botocore.model import Shape
from botocore.parsers import EC2QueryParser

_SHAPE = "DescribeTagsResult"
_ROW = {"key": "Key", "resourceId": "ResourceId", "resourceType": "ResourceType", "value": "Value"}


class LeanParser(EC2QueryParser):
    """botocore's parser, except for the answer of DescribeTags."""

    def _do_parse(self, response: dict[str, Any], shape: Shape | None) -> Any:
        lean = read_tags(response["body"]) if shape is not None and shape.name == _SHAPE else None
        if lean is not None:
            return lean
        return super()._do_parse(response, shape)  # type: ignore[misc]  # the types leave it out


def read_tags(body: bytes) -> dict[str, Any] | None:
    """The answer as botocore would parse it; None if botocore itself must parse it."""
    parser = XMLParser(encoding="utf-8")  # noqa: S314  # botocore's own; the bytes are AWS's
    try:
        parser.feed(body)
        root = parser.close()
    except ParseError:
        return None
    space = root.tag[: root.tag.rfind("}") + 1]
    parsed: dict[str, Any] = {}
    for child in root:
        if child.tag == f"{space}tagSet" and "Tags" not in parsed:
            rows = _rows(child, space)
            if rows is None:
                return None
            parsed["Tags"] = rows
        elif child.tag == f"{space}nextToken" and "NextToken" not in parsed and not len(child):
            parsed["NextToken"] = child.text or ""
        elif child.tag == f"{space}requestId" and "ResponseMetadata" not in parsed:
            parsed["ResponseMetadata"] = {"RequestId": child.text}
        else:
            return None
    return parsed


def _rows(tag_set: Element, space: str) -> list[dict[str, str]] | None:
    """The rows; None if a row has an unknown element, or an element twice."""
    names = {space + name: key for name, key in _ROW.items()}
    item_tag = f"{space}item"
    rows = []
    for item in tag_set:
        if item.tag != item_tag:
            return None
        row: dict[str, str] = {}
        for one in item:
            name = names.get(one.tag)
            if name is None or name in row or len(one):
                return None
            row[name] = one.text or ""
        rows.append(row)
    return rows
