"""Reads EC2 in pages and chunks, and counts the calls.

Resources are described by a filter on their id, not by the id parameter: a filter ignores an id
that is gone, while the parameter makes the whole call fail. An unreadable page raises, so that an
incomplete list is never used as a complete one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from reconciler.aws.client.errors import calling
from reconciler.aws.client.session import Aws
from reconciler.model import tags as t

FILTER_VALUES = 200
"""EC2 accepts at most 200 values in one request's filters."""

PAGE = 1000

_IAM = {"elbv2": "elasticloadbalancing"}
"""Services whose permissions have another prefix than botocore's name."""

OWN_ID = frozenset({"image-id", "instance-id", "network-interface-id", "snapshot-id", "volume-id"})
"""Filters that select the resources of a kind by their own ids."""

_WILD = re.compile(r"[*?\\]")

T = TypeVar("T")


class Reads:
    """The reads of one scan; `calls` counts all answers, `pages_read` those of listings.

    The account is checked at once, the client is made for the first call: of a thousand clean
    scopes nothing is described. Raises as `Aws` says.
    """

    def __init__(self, aws: Aws) -> None:
        aws.verify()
        self.place = aws.place
        self.aws = aws
        self.calls = 0
        self.pages_read = 0
        self._deploys: dict[str, str] = {}

    def beside(self) -> Reads:
        """Reads that count for themselves, and know the same deploys."""
        other = Reads(self.aws)
        other._deploys = self._deploys
        return other

    def count(self, other: Reads) -> None:
        """Count what another one has read, too."""
        self.calls += other.calls
        self.pages_read += other.pages_read

    def pages(
        self, operation: str, *, service: str = "ec2", size: int = PAGE, **request: Any
    ) -> Iterator[dict[str, Any]]:
        """The pages of `describe_…`. Raises CloudError, AccessDenied; then nothing is known."""
        client = getattr(self.aws, service)
        if not client.can_paginate(operation):
            yield self.call(operation, **request)
            return
        with calling(action(service, operation)):
            paginator = client.get_paginator(operation)
            for page in paginator.paginate(PaginationConfig={"PageSize": size}, **request):
                self.calls += 1
                self.pages_read += 1
                yield page

    def know(self, deploy: str, ids: Iterable[str]) -> None:
        """Record the deploy of these ids: a page holds 1,000 by `deploy-id`, but only 200 by id.

        Tags of others may have characters that a filter takes for wildcards: these stay unknown.
        """
        if deploy and not _WILD.search(deploy):
            self._deploys.update((id_, deploy) for id_ in ids)

    def by_filter(
        self, operation: str, name: str, values: Sequence[str], **request: Any
    ) -> Iterator[dict[str, Any]]:
        """The pages for any number of `values` of the filter `name`.

        For very many ids whose deploys are known, the pages may contain more than was requested.
        """
        if name in OWN_ID and len(values) > FILTER_VALUES:
            deploys = sorted({self._deploys[one] for one in values if one in self._deploys})
            values = [one for one in values if one not in self._deploys]
            yield from self._chunked(operation, f"tag:{t.ID}", deploys, **request)
        yield from self._chunked(operation, name, values, **request)

    def _chunked(
        self, operation: str, name: str, values: Sequence[str], **request: Any
    ) -> Iterator[dict[str, Any]]:
        for chunk in chunks(values, FILTER_VALUES):
            filters = [{"Name": name, "Values": list(chunk)}]
            yield from self.pages(operation, Filters=filters, **request)

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """One unpaged read."""
        self.calls += 1
        with calling(f"ec2:{camel(operation)}"):
            answer: dict[str, Any] = getattr(self.aws.ec2, operation)(**request)
        return answer


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`items` in chunks of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def tags_of(one: dict[str, Any], field: str = "Tags") -> dict[str, str]:
    """All tags of a description, including those of AWS's own services."""
    return {tag["Key"]: tag.get("Value", "") for tag in one.get(field) or ()}


def action(service: str, operation: str) -> str:
    """The action as IAM names it: `elasticloadbalancing:DescribeTags`."""
    return f"{_IAM.get(service, service)}:{camel(operation)}"


def camel(operation: str) -> str:
    """`describe_db_instances` as IAM names it: DescribeDBInstances."""
    words = (("DB" if word == "db" else word.capitalize()) for word in operation.split("_"))
    return "".join(words)
