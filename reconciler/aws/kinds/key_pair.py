"""Key pairs. They cost nothing, but a used name blocks the next deploy.

Machines that were launched with a key pair work without it: they hold only the public key.
AWS reports success for the deletion of one that is gone.
"""

from __future__ import annotations

from reconciler.aws.client.query import tags_of
from reconciler.aws.kinds.kind import Kind, Raw, by_filter, each
from reconciler.model.resource import KEY_PAIR, Resource
from reconciler.model.tags import AccountRegion


def _resource(one: Raw, place: AccountRegion) -> Resource:
    return Resource(
        KEY_PAIR,
        one["KeyPairId"],
        place,
        tags_of(one),
        name=one.get("KeyName", ""),
        type=one.get("KeyType", ""),
        created=one.get("CreateTime"),
    )


KIND = Kind(
    KEY_PAIR,
    by_filter("describe_key_pairs", "key-pair-id", "KeyPairs", _resource),
    each("delete_key_pair", "KeyPairId"),
)
