"""Key pairs. They cost nothing, but a used name blocks the next deploy.

Machines that were launched with a key pair work without it: they hold only the public key.
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
    """Delete them. Idempotent: AWS reports success for a deleted one."""
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
