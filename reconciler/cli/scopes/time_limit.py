"""A limit on the time of a sweep, for a worker that is ended after a while (Lambda: 15 minutes)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from reconciler.errors import DirtRemains
from reconciler.util.duration import format_duration


class TimeIsUp(BaseException):
    """Ends a sweep between two resources. Not a ToolError: no single failure handles it."""


@dataclass
class TimeLimit:
    """Begins when it is made. None: without limit."""

    limit: timedelta | None
    began: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Called between two resources, when nothing is half done. Raises TimeIsUp."""
        if self.limit is not None and time.monotonic() - self.began > self.limit.total_seconds():
            raise TimeIsUp

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raises DirtRemains where the time is up: the same sweep goes on where this one ended."""
        try:
            yield
        except TimeIsUp as error:
            assert self.limit is not None
            raise DirtRemains(
                f"stopped at the time limit of {format_duration(self.limit)}: not everything is "
                "done, and the same sweep goes on from here",
                cure="To go on   reconciler sweep",
            ) from error
