"""Key pairs. They cost nothing, but a name that is taken stands in the next deploy's way.

Machines that were launched with one go on without it: only its public half is on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.aws.client.query import Reads, tags_of
from reconciler.aws.deletion import Deleter
from reconciler.aws.kinds.kind import Kind
from reconciler.model.outcome import Outcome
from reconciler.model.resource import KEY_PAIR, Resource
from reconciler.model.tags import AccountRegion


def describe(reads: Reads, ids: Sequence[str]) -> Iterator[Resource]:
    """The key pairs of these ids that exist."""
    for answer in reads.unpaged("describe_key_pairs", "key-pair-id", ids):
        for one in answer["KeyPairs"]:
            yield _resource(one, reads.place)


def delete(deleter: Deleter, resources: Sequence[Resource]) -> Iterator[Outcome]:
    """Delete them. Harmless twice: AWS says yes to one that is gone."""
    yield from deleter.each("delete_key_pair", "KeyPairId", resources)


def _resource(one: dict[str, Any], place: AccountRegion) -> Resource:
    return Resource(
        KEY_PAIR,
        one["KeyPairId"],
        place,
        tags_of(one),
        name=one.get("KeyName", ""),
        type=one.get("KeyType", ""),
        created=one.get("CreateTime"),
    )


KIND = Kind(KEY_PAIR, describe, delete)
