"""What became of one item of a plan. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.coverage import ReadStatus
from reconciler.model.resource import Resource


class OutcomeStatus(StrEnum):
    """What became of one item of a plan.

    UNSEEN: it is not listed, which proves nothing yet. PENDING: its deletion is under way, or the
    answer to it was lost.
    """

    DONE = "done"
    GONE = "gone"
    BLOCKED = "blocked"
    FAILED = "failed"
    PENDING = "pending"
    UNSEEN = "unseen"


UNPROVED = "not listed any more, which proves nothing yet"
"""What is said of the unseen."""


@dataclass(frozen=True)
class Outcome:
    """What became of one resource, and why; `GONE` only after a later describe said so.

    `reached` says of a machine that was to be told something whether it was; None of all else.
    """

    resource: Resource
    status: OutcomeStatus
    text: str = ""
    reached: ReadStatus | None = None
