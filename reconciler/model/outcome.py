"""The outcome of one action of a plan. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.coverage import ReadStatus
from reconciler.model.resource import Resource


class OutcomeStatus(StrEnum):
    """The status of one action of a plan.

    UNSEEN: not listed; deletion not confirmed. PENDING: its deletion is in progress, or the reply
    was lost.
    """

    DONE = "done"
    GONE = "gone"
    BLOCKED = "blocked"
    FAILED = "failed"
    PENDING = "pending"
    UNSEEN = "unseen"


UNPROVED = "not listed any more, which proves nothing yet"
"""The text for UNSEEN."""


@dataclass(frozen=True)
class Outcome:
    """The outcome for one resource, and why; `GONE` only after a later describe confirmed it.

    `reached`: whether a machine that had to be ordered was reached; None for everything else.
    """

    resource: Resource
    status: OutcomeStatus
    text: str = ""
    reached: ReadStatus | None = None
