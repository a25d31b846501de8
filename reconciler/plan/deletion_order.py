"""The order in which kinds of resources are deleted. Pure."""

from __future__ import annotations

from reconciler.model import resource as kinds
from reconciler.model.resource import Resource

WAVES: tuple[tuple[str, ...], ...] = (
    (kinds.TARGET_GROUP,),
    (kinds.INSTANCE,),
    (kinds.VOLUME, kinds.INTERFACE, kinds.ADDRESS, kinds.TEMPLATE),
    (kinds.IMAGE, kinds.KEY_PAIR),
    (kinds.SNAPSHOT,),
    (kinds.DATABASE,),
    (kinds.RDS_INSTANCE,),
    (kinds.RDS_SNAPSHOT,),
    (kinds.GROUP,),
)
"""Deletion runs against `uses`; a wave begins when the one before is gone.

Target groups come first: their machines serve until no late request can name them. Security groups
come last: interfaces, RDS instances and other groups' rules hold them.
"""

_WAVE_OF = {kind: number for number, wave in enumerate(WAVES) for kind in wave}


def wave(resource: Resource) -> int:
    """The wave in which a thing is deleted."""
    return _WAVE_OF[resource.kind]
