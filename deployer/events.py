"""The events of a release, one frozen value each. Pure.

The use cases emit them, and every display (terminal, plain lines, JSON) is a listener. `to_json` is
the stable form for other tools; `docs/events.schema.json` is its schema. Within one schema number
fields may be added, but none changes its meaning or is removed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

SCHEMA = "1"

STEPS = (
    "guard",
    "lease",
    "image",
    "launch",
    "connect",
    "code",
    "database",
    "migrate",
    "start",
    "smoke",
    "commit",
    "follow-up",
)
"""The steps of `up`, in order."""

REHEARSAL_STEPS = STEPS[:10]
"""The steps of `rehearse`: all before the commit."""

STEPS_WITH_TRAFFIC = (*STEPS[:6], "traffic", *STEPS[6:10], "health", *STEPS[10:])
"""The same where traffic follows the ledger."""


@dataclass(frozen=True)
class Version:
    """Always the first line: the schema of the following lines, and the program's version."""

    schema: str
    deployer: str


@dataclass(frozen=True)
class ReleaseBegan:
    """A deploy begins. `was` is the release that is live, '' for a first one.

    `steps` are those that may follow, in order; an unneeded step is never begun.
    """

    service: str
    deploy: str
    release: str
    was: str
    steps: tuple[str, ...] = STEPS


@dataclass(frozen=True)
class Expected:
    """What each step of an earlier `release` took, in seconds; once, where a journal knows it."""

    release: str
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class StepBegan:
    """A step begins. Several may run in parallel."""

    step: str


@dataclass(frozen=True)
class StepNote:
    """A note about a running step."""

    step: str
    text: str


@dataclass(frozen=True)
class StepProgress:
    """The progress of a step: `done` of `total` in `unit` ("B" for bytes, "%", else a plural noun).

    None where not known.
    """

    step: str
    text: str
    done: int | None = None
    total: int | None = None
    unit: str = ""


@dataclass(frozen=True)
class StepDone:
    """A step succeeded, after `seconds`."""

    step: str
    text: str
    seconds: float


@dataclass(frozen=True)
class StepFailed:
    """A step failed: the reason in one line, and details to read (redacted)."""

    step: str
    message: str
    detail: str = ""


@dataclass(frozen=True)
class ResourceCreated:
    """A resource was created; `per_hour` is its price in $/h, None if not known."""

    kind: str
    id: str
    per_hour: float | None = None


@dataclass(frozen=True)
class FreezeBegan:
    """The live database refuses writes from now on; abandoned after `limit` seconds."""

    limit: float


@dataclass(frozen=True)
class FreezeEnded:
    """Writes are accepted, after `seconds`: by the new database if `cut_over`, else the old."""

    seconds: float
    cut_over: bool


@dataclass(frozen=True)
class CleanUpBegan:
    """What the release made is being removed, with the reason; or kept as evidence if `keeps`."""

    reason: str
    keeps: bool = False


@dataclass(frozen=True)
class CleanUpItem:
    """The result for one resource: `fate` is done, gone, blocked, failed or pending."""

    kind: str
    id: str
    fate: str
    text: str = ""


@dataclass(frozen=True)
class CleanUpDone:
    """The clean-up ended: the number removed of each kind, and the number of resources left.

    `served` is false where an image hook may have stopped live without restarting it.
    `kept_until` is set where everything is kept as evidence: `kept` of each kind, for
    `kept_per_hour` $/h (None if not known).
    """

    removed: Mapping[str, int]
    left: int
    served: bool = True
    kept_until: datetime | None = None
    kept: Mapping[str, int] = field(default_factory=dict)
    kept_per_hour: float | None = None


@dataclass(frozen=True)
class Released:
    """The service is live on the new release.

    `old_answers_until`: until when a resolver may still send clients to the old machines, or a load
    balancer lets them end their requests there. `frozen_seconds`: how long writes were refused;
    None if they were not. `per_hour`: $/h of the new release; `kept_per_hour`, `parked_per_hour`:
    of the one kept for rollback, now and parked; None: unknown, or never parked.
    `schema`: what the migrations did, as text.  `unfinished`: follow-ups that failed.
    """

    service: str
    deploy: str
    release: str
    was: str
    addresses: tuple[str, ...]
    seconds: float
    old_answers_until: datetime | None = None
    frozen_seconds: float | None = None
    jobs: tuple[str, ...] = ()
    schema: str = ""
    kept_per_hour: float | None = None
    parked_per_hour: float | None = None
    unfinished: tuple[str, ...] = ()
    per_hour: float | None = None


@dataclass(frozen=True)
class RolledBack:
    """The service is back on `release`; `was` is rejected and kept, or rolled forward from.

    `was_deploy` is the deploy-id of `was`.
    """

    service: str
    deploy: str
    release: str
    was: str
    addresses: tuple[str, ...]
    seconds: float
    rejected: bool = True
    lost: str = ""
    old_answers_until: datetime | None = None
    unfinished: tuple[str, ...] = ()
    was_deploy: str = ""


@dataclass(frozen=True)
class Warned:
    """A warning that stops nothing."""

    text: str


@dataclass(frozen=True)
class Result:
    """Always the last line: the exit code and, unless it is 0, the reason and next command."""

    exit: int
    message: str = ""
    detail: str = ""
    cure: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)


Event = (
    Version
    | ReleaseBegan
    | Expected
    | StepBegan
    | StepNote
    | StepProgress
    | StepDone
    | StepFailed
    | ResourceCreated
    | FreezeBegan
    | FreezeEnded
    | CleanUpBegan
    | CleanUpItem
    | CleanUpDone
    | Released
    | RolledBack
    | Warned
    | Result
)

Listener = Callable[[Event], None]
"""An event listener. Called from any thread; must not raise."""


def ignore(_: Event) -> None:
    """The listener that does nothing."""


def kind_of(event: type[Event] | Event) -> str:
    """The `type` of an event's JSON form: `step-began`."""
    cls = event if isinstance(event, type) else type(event)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()


def to_json(event: Event, at: datetime) -> dict[str, Any]:
    """The event as a JSON object. The version line has no time, as its schema says."""
    stamp = {} if isinstance(event, Version) else {"at": utc(at)}
    values = {one.name: plain(getattr(event, one.name)) for one in fields(event)}
    return {"type": kind_of(event), **stamp, **values}


def utc(moment: datetime) -> str:
    """A moment in JSON form: `2026-11-23T03:15:02.125Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """A value in JSON form: tuples as lists, moments as text, mappings as objects."""
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    return value
