"""What a kind says: how its things are described by id, and how they are deleted."""

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
    """`name` as DescribeTags has it. `describe` leaves out what is gone; `delete` asks only.

    `listing` and `label` are for kinds that EC2's tags know nothing of: how all of them are
    listed, and how one is labelled.
    """

    name: str
    describe: Callable[[Reads, Sequence[str]], Iterator[Resource]]
    delete: Callable[[Deleter, Sequence[Resource]], Iterator[Outcome]]
    listing: Callable[[Reads], Iterator[Resource]] | None = None
    label: Callable[[Deleter, Sequence[Resource], Label], Iterator[Outcome]] | None = None
