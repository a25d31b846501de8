"""What a kind says: how its things are described by id, and how they are deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.aws.deletion import Deleter
from reconciler.aws.reads import Reads
from reconciler.cloud import Outcome
from reconciler.resource import Resource


@dataclass(frozen=True)
class Kind:
    """`name` as DescribeTags has it. `describe` leaves out what is gone; `delete` asks only."""

    name: str
    describe: Callable[[Reads, Sequence[str]], Iterator[Resource]]
    delete: Callable[[Deleter, Sequence[Resource]], Iterator[Outcome]]
