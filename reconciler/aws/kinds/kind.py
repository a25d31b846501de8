"""The interface of a resource kind: how to describe its resources by id, and how to delete them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.aws.client.query import Reads
from reconciler.aws.deletion import Deleter
from reconciler.model.outcome import Outcome
from reconciler.model.resource import Resource
from reconciler.model.tags import Label


@dataclass(frozen=True)
class Kind:
    """`name` is DescribeTags' name. `describe` omits gone resources; `delete` only requests.

    `listing` and `label` are for kinds without EC2 tags: how to list all resources, and how to
    label one. `always_listed`: also where only unfinished deploys are looked for.
    """

    name: str
    describe: Callable[[Reads, Sequence[str]], Iterator[Resource]]
    delete: Callable[[Deleter, Sequence[Resource]], Iterator[Outcome]]
    listing: Callable[[Reads], Iterator[Resource]] | None = None
    label: Callable[[Deleter, Sequence[Resource], Label], Iterator[Outcome]] | None = None
    always_listed: bool = False
