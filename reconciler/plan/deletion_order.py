"""The order in which kinds of resources are deleted. Pure."""

from __future__ import annotations

from reconciler.model.resource import (
    ADDRESS,
    DATABASE,
    GROUP,
    IMAGE,
    INSTANCE,
    INTERFACE,
    KEY_PAIR,
    RDS_INSTANCE,
    RDS_SNAPSHOT,
    SNAPSHOT,
    TARGET_GROUP,
    TEMPLATE,
    VOLUME,
    Resource,
)

WAVES: tuple[tuple[str, ...], ...] = (
    (TARGET_GROUP,),
    (INSTANCE,),
    (VOLUME, INTERFACE, ADDRESS, TEMPLATE),
    (IMAGE, KEY_PAIR),
    (SNAPSHOT,),
    (DATABASE,),
    (RDS_INSTANCE,),
    (RDS_SNAPSHOT,),
    (GROUP,),
)
"""Deletion runs against `uses`; a wave begins when the one before is gone.

Target groups come first: their machines serve until no late request can name them. Security groups
come last: interfaces, RDS instances and other groups' rules hold them.
"""

_WAVE_OF = {kind: number for number, kinds in enumerate(WAVES) for kind in kinds}


def wave(resource: Resource) -> int:
    """The wave in which a thing is deleted."""
    return _WAVE_OF[resource.kind]
