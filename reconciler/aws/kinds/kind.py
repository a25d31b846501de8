"""The interface of a resource kind: how to describe its resources by id, and how to delete them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.aws.client.query import Reads
from reconciler.aws.deletion import Deleter
from reconciler.model.outcome import Outcome
from reconciler.model.resource import Resource
from reconciler.model.tags import AccountRegion, Label

Raw = dict[str, Any]
"""AWS's description of one resource."""

Describe = Callable[[Reads, Sequence[str]], Iterator[Resource]]
Delete = Callable[[Deleter, Sequence[Resource]], Iterator[Outcome]]


@dataclass(frozen=True)
class Kind:
    """`name` is DescribeTags' name. `describe` omits gone resources; `delete` only requests.

    `delete` may raise CloudError or AccessDenied, but only before it has requested anything.
    `listing` and `label` are for kinds without EC2 tags: how to list all resources, and how to
    label one. `always_listed`: also where only unfinished deploys are looked for.
    """

    name: str
    describe: Describe
    delete: Delete
    listing: Callable[[Reads], Iterator[Resource]] | None = None
    label: Callable[[Deleter, Sequence[Resource], Label], Iterator[Outcome]] | None = None
    always_listed: bool = False


def by_filter(
    operation: str, name: str, field: str, resource: Callable[[Raw, AccountRegion], Resource]
) -> Describe:
    """Describes by the filter `name` on the id; `resource` converts what is in a page's `field`."""

    def describe(reads: Reads, ids: Sequence[str]) -> Iterator[Resource]:
        for page in reads.by_filter(operation, name, ids):
            for one in page[field]:
                yield resource(one, reads.place)

    return describe


def each(operation: str, parameter: str) -> Delete:
    """Deletes by one call per resource."""
    return lambda deleter, resources: deleter.each(operation, parameter, resources)
