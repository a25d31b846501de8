"""Images that a configuration names (`instance.image`): no sweep deletes them. Pure.

A release of this or another service may have made such an image, and retention forgets that
release. Nothing in AWS shows that somebody means to launch from the image.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.resource import BASE, Gap
from reconciler.model.tags import AccountRegion


@dataclass(frozen=True)
class Bases:
    """`named`: pairs of image and service; `gaps`: what could not be resolved, by its place."""

    named: tuple[tuple[str, str], ...] = ()
    gaps: tuple[Gap, ...] = ()

    def keeps(self, image: str, place: AccountRegion) -> str:
        """Why an image of `place` is kept; '' if no configuration names it."""
        for id_, service in self.named:
            if id_ == image:
                return f"configured as base of {service}"
        for gap in self.gaps:
            if gap.place == place and gap.kind == BASE:
                return f"it may be configured as a base: {gap.reason}"
        return ""


NO_BASES = Bases()
