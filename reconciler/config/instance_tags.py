"""Which tags a configuration may give to machines. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.model.tags import KEY_LIMIT, ROOM_FOR_OTHERS, TAGS_LIMIT, VALUE_LIMIT


def own_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Refused here: RunInstances would refuse them when the image is made already."""
    for key, value in tags.items():
        _refuse(key, value)
    if len(tags) > ROOM_FOR_OTHERS:
        raise ValueError(
            f"{len(tags)} tags: a resource has {TAGS_LIMIT}, and {TAGS_LIMIT - ROOM_FOR_OTHERS} "
            "are for ours"
        )
    return tags


def _refuse(key: str, value: str) -> None:
    if key.startswith("deploy-") or key.lower().startswith("aws:") or key == "Name":
        raise ValueError(f"the tag {key!r} is not yours to give: it is written by us or by AWS")
    if not 1 <= len(key) <= KEY_LIMIT or len(value) > VALUE_LIMIT:
        raise ValueError(
            f"the tag {key[:40]!r} has {len(key)} and {len(value)} characters: AWS takes "
            f"{KEY_LIMIT} for a key, {VALUE_LIMIT} for a value"
        )
