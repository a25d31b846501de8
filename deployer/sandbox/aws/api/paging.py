"""Pages with a NextToken that stays valid while resources are created and deleted.

A token names the last returned item by its key in a fixed order, not by its position in a list.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from deployer.sandbox.aws.api.errors import bad_mix, bad_value

LOWEST, HIGHEST = 5, 1000
T = TypeVar("T")


@dataclass(frozen=True)
class PageRequest:
    """A request's page parameters: size (None: not given) and start."""

    size: int | None
    token: str | None


def read_page(size: Any, token: Any, ids: list[str], ids_name: str) -> PageRequest:
    """Size and token of a request.

    Raises:
        EC2ClientError: a size outside 5 to 1000, or a size together with ids.
    """
    if size is not None and ids:
        text = f"The parameter {ids_name} cannot be used with the parameter maxResults"
        raise bad_mix(text)
    if size is not None and not LOWEST <= int(size) <= HIGHEST:
        side = "greater than or equal to 5" if int(size) < LOWEST else "less than or equal to 1000"
        text = f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value {side}."
        raise bad_value(text)
    return PageRequest(None if size is None else int(size), token or None)


def cut(
    things: Sequence[T], page: PageRequest, order: Callable[[T], Any], kind: str
) -> tuple[list[T], str | None]:
    """The page's part of `things`, sorted by `order`, and the token of the next page, if any.

    Raises:
        EC2ClientError: InvalidParameterValue for a token that this API did not issue.
    """
    start = 0
    if page.token is not None:
        start = bisect_right(things, _open(page.token, kind), key=order)
    end = start + (page.size or HIGHEST)
    found = list(things[start:end])
    return found, None if end >= len(things) else _seal(order(found[-1]), kind)


def _seal(last: Any, kind: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([kind, last]).encode()).decode()


def _open(token: str, kind: str) -> Any:
    try:
        named, last = json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError as wrong:
        raise bad_value("The token is invalid") from wrong
    if named != kind:
        raise bad_value(f"The token is not one of {kind}")
    return tuple(last) if isinstance(last, list) else last
