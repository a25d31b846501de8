"""Reading EC2 in pages and chunks, and counting the calls.

Things are described by a filter on their id, not by the id parameter: a filter passes over an id
that is gone, where the parameter fails the whole call. A page that cannot be read raises, so that
no half list is ever taken for a whole one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from reconciler.aws.errors import calling
from reconciler.aws.session import Aws

FILTER_VALUES = 200
"""EC2 takes at most 200 values in one request's filters."""

PAGE = 1000
T = TypeVar("T")


class Reads:
    """The reads of one scan; `calls` counts the answers."""

    def __init__(self, aws: Aws) -> None:
        self.place = aws.place
        self.client: Any = aws.ec2
        self.calls = 0

    def pages(self, operation: str, **request: Any) -> Iterator[dict[str, Any]]:
        """The pages of `describe_…`. Raises CloudError, AccessDenied; then nothing is known."""
        with calling(f"ec2:{camel(operation)}"):
            paginator = self.client.get_paginator(operation)
            for page in paginator.paginate(PaginationConfig={"PageSize": PAGE}, **request):
                self.calls += 1
                yield page

    def by_filter(
        self, operation: str, name: str, values: Sequence[str], **request: Any
    ) -> Iterator[dict[str, Any]]:
        """The pages for any number of `values` of the filter `name`."""
        for chunk in chunks(values, FILTER_VALUES):
            filters = [{"Name": name, "Values": list(chunk)}]
            yield from self.pages(operation, Filters=filters, **request)

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """One unpaged read."""
        self.calls += 1
        with calling(f"ec2:{camel(operation)}"):
            answer: dict[str, Any] = getattr(self.client, operation)(**request)
        return answer


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`items` in runs of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def tags_of(one: dict[str, Any]) -> dict[str, str]:
    """All tags of a description, those of AWS's own services too."""
    return {tag["Key"]: tag["Value"] for tag in one.get("Tags") or ()}


def camel(operation: str) -> str:
    """`describe_instances` as IAM names it."""
    return "".join(word.capitalize() for word in operation.split("_"))
