"""EC2 filters with AWS's semantics: `*` and `?`, any of the values, all of the filters.

An unknown filter is an error: a sweeper whose filter is ignored would see the whole account.
Source: EC2 User Guide, "Filter"; DescribeInstances; error FilterLimitExceeded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from deployer.sandbox.aws.api.errors import bad_value, ec2_error

MAX_FILTERS = 50
MAX_VALUES = 200
T = TypeVar("T")
Filters = list[tuple[str, list[str]]]
Getter = Callable[[Any], Any]


def read_filters(raw: Iterable[Mapping[str, Any]]) -> Filters:
    """The request's filters.

    Raises:
        EC2ClientError: a filter without name or values, or more filters than AWS allows.
    """
    found: Filters = []
    for item in raw:
        name, values = item.get("Name"), list(item.get("Values") or ())
        if not name:
            raise bad_value("The filter 'null' is invalid")
        if not values:
            raise bad_value(f"The filter '{name}' has no values")
        found.append((str(name), [str(value) for value in values]))
    if len(found) > MAX_FILTERS or sum(len(values) for _, values in found) > MAX_VALUES:
        text = f"At most {MAX_FILTERS} filters and {MAX_VALUES} filter values are allowed"
        raise ec2_error("FilterLimitExceeded", text)
    return found


def select(things: Iterable[T], filters: Filters, known: Mapping[str, Getter]) -> list[T]:
    """The items that match every filter.

    Raises:
        EC2ClientError: InvalidParameterValue for an unknown filter.
    """
    tests = [_test(name, values, known) for name, values in filters]
    return [thing for thing in things if all(test(thing) for test in tests)]


def _test(name: str, values: list[str], known: Mapping[str, Getter]) -> Callable[[Any], bool]:
    get = _tag_getter(name) or known.get(name)
    if get is None:
        raise bad_value(f"The filter '{name}' is invalid")
    match = matcher(tuple(values))
    return lambda thing: any(match(text) for text in _texts(get(thing)))


def _tag_getter(name: str) -> Getter | None:
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda thing: _tags(thing).get(key)
    if name == "tag-key":
        return lambda thing: list(_tags(thing))
    if name == "tag-value":
        return lambda thing: list(_tags(thing).values())
    return None


def _tags(thing: Any) -> dict[str, str]:
    tags: dict[str, str] = thing.ec2_backend.tags.get(thing.id, {})
    return tags


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, (list, tuple, set)):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, datetime):
        return [value.strftime("%Y-%m-%dT%H:%M:%S.000Z")]
    return [str(value)]


@lru_cache(maxsize=1024)
def matcher(values: tuple[str, ...]) -> Callable[[str], bool]:
    r"""A function that tests a text against the values, with `*` and `?` (`\*` is a star)."""
    plain = frozenset(v for v in values if not re.search(r"[*?\\]", v))
    patterns = [re.compile(_regex(v), re.DOTALL) for v in values if v not in plain]
    return lambda text: text in plain or any(p.fullmatch(text) for p in patterns)


def _regex(value: str) -> str:
    parts = re.findall(r"\\.|.", value, re.DOTALL)
    return "".join({"*": ".*", "?": "."}.get(p, re.escape(p.removeprefix("\\"))) for p in parts)
