"""What the journal keeps of one operation: a release, a rollback, a sweep, a pause. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.model.deploy_id import DeployId

RELEASE, ROLLBACK, SWEEP, REHEARSAL = "release", "rollback", "sweep", "rehearse"

RUNNING = "running"
"""No end was written: it still runs, or its process died."""

DONE, RELEASED, ROLLED_BACK = "done", "released", "rolled-back"
UNFINISHED = "unfinished"
"""Live has changed, and a follow-up failed."""

FAILED = "failed"
CREATED, GONE, LEFT = "created", "gone", "left"
"""What became of a resource: this operation made it, deleted it, or could not delete it."""


@dataclass(frozen=True)
class StepRecord:
    """One step that ended: how long it took, and its result or its error."""

    step: str
    seconds: float
    text: str = ""
    failed: bool = False


@dataclass(frozen=True)
class ResourceRecord:
    """One resource that the operation made or deleted. `per_hour`: $; None if not known."""

    kind: str
    id: str
    fate: str
    deploy: str = ""
    per_hour: float | None = None
    text: str = ""


@dataclass(frozen=True)
class Entry:
    """One operation on one service. `id` is its own, of a deploy-id's grammar.

    kind       release, rollback, sweep, or the name of another command
    deploy     the deploy that it is about: made, made live, aborted, adopted
    was_deploy the deploy that a rollback left
    outcome    running, done, released, rolled-back, unfinished or failed; `exit` the exit code
    step       the last step that began: where it failed, or was when the process died
    why        why it failed, or the reason that was given (pause)
    detail     the last log lines of what failed, and what is left
    lost       rows that a rollback left behind, in words
    frozen_seconds  how long writes were refused; of a rehearsal, how long a release would do that
    ended_leases, forgotten    ids that lost their root by it
    per_hour   $ that its deletions save; for a release, $ of the release kept for rollback
    unpriced   how many of its deletions have no known price
    """

    id: DeployId
    kind: str
    by: str
    began: datetime
    program: str = ""
    deploy: str = ""
    release: str = ""
    was: str = ""
    was_deploy: str = ""
    outcome: str = RUNNING
    exit: int | None = None
    step: str = ""
    ended: datetime | None = None
    why: str = ""
    detail: str = ""
    steps: tuple[StepRecord, ...] = ()
    resources: tuple[ResourceRecord, ...] = ()
    addresses: tuple[str, ...] = ()
    frozen_seconds: float | None = None
    lost: str = ""
    ended_leases: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    per_hour: float | None = None
    unpriced: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def removed(self) -> tuple[ResourceRecord, ...]:
        """What it deleted."""
        return tuple(resource for resource in self.resources if resource.fate == GONE)

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it has no end."""
        return (self.ended - self.began).total_seconds() if self.ended else None
