"""Decides when a resource is reported again: once a day, by its tag and by this process. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.model import tags as t
from reconciler.model.deploy_id import parse_time
from reconciler.model.resource import DATABASE, Resource

QUIET = timedelta(days=1)
"""The time without a repeated notification about the same resource."""


@dataclass
class NotificationHistory:
    """The notifications of this process, in addition to the resources' own tags."""

    when: dict[tuple[str, str, str], datetime] = field(default_factory=dict)

    def is_fresh(self, resource: Resource, now: datetime) -> bool:
        """Whether there was no notification about it for a day.

        A database has no such tag; it is reported together with tagged resources.
        """
        last = self.when.get(resource.key) or _noticed(resource)
        return resource.kind != DATABASE and (last is None or now - last >= QUIET)

    def remember(self, resources: Iterable[Resource], now: datetime) -> None:
        """Record a notification about these now; drop entries older than a day."""
        self.when = {key: at for key, at in self.when.items() if now - at < QUIET}
        self.when |= {resource.key: now for resource in resources}


def _noticed(resource: Resource) -> datetime | None:
    """The notification time in its tag; None if there is no tag, or no valid time."""
    try:
        return parse_time(resource.tags.get(t.NOTICED, ""))
    except ValueError:
        return None
