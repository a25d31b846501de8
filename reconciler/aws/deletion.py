"""Requests deletions: in chunks that are split until the bad id is alone.

One bad id fails a whole TerminateInstances call; one protected instance fails its availability
zone's share. NotFound after a terminate does not prove success (aws.md §1), nor does a missing
error: both are PENDING, and a later describe shows the real state.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.aws.client.errors import calling
from reconciler.aws.client.query import action, chunks
from reconciler.aws.client.retry import AWS_BACKOFF, throttled_or_unclear
from reconciler.aws.client.session import Aws
from reconciler.errors import AccessDenied, CloudError, CloudUnclear
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import IMAGE, Resource, service_of
from reconciler.util.backoff import Backoff

_IN_THE_WAY = re.compile(r"InUse$|^DependencyViolation$|^OperationNotPermitted$")
_NOT_THERE = re.compile(r"NotFound(Fault)?$|^InvalidAMIID\.Unavailable$")
_WRONG_STATE = frozenset(
    {
        "IncorrectState",
        "IncorrectInstanceState",
        "InvalidDBInstanceState",
        "InvalidDBSnapshotState",
    }
)

Request = Callable[[Sequence[str]], Mapping[str, Any]]
"""Builds the parameters of a call for these ids."""


@dataclass(frozen=True)
class Deleter:
    """Idempotent mutating calls on resources of one account and region.

    Create one for each clean-up: when the retries of a call are exhausted, the rest is not
    requested, because a clean-up under throttling makes the throttling worse. `lifts`: deletion
    protection may be removed; `protected`: ids that AWS refused because of deletion protection.
    """

    aws: Aws
    backoff: Backoff = AWS_BACKOFF
    exhausted: list[str] = field(default_factory=list)
    service: str = "ec2"
    lifts: bool = False
    protected: set[str] = field(default_factory=set)

    def lift(self, call: str, **request: Any) -> str:
        """Remove a resource's deletion protection; return why it is still on, else ''."""
        try:
            self.ask(call, **request)
        except (CloudError, AccessDenied) as error:
            return f"its protection could not be lifted: {error.message}"
        return ""

    def on(self, service: str) -> Deleter:
        """The same clean-up at another AWS service, with the same retry budget."""
        return replace(self, service=service)

    def ask(self, operation: str, **request: Any) -> Any:
        """Send one idempotent call; it is repeated for a while if throttled or unanswered.

        Raises CloudUnclear, CloudError, AccessDenied.
        """
        client: Any = getattr(self.aws, f"{self.service}_once")

        def send() -> Any:
            with calling(action(self.service, operation), mutating=True):
                return getattr(client, operation)(**request)

        return self.backoff.retry(send, throttled_or_unclear)

    def each(
        self, operation: str, parameter: str, resources: Sequence[Resource]
    ) -> Iterator[Outcome]:
        """One call per resource, for operations that take no list."""
        return self.batch(operation, lambda ids: {parameter: ids[0]}, resources, size=1)

    def batch(
        self, operation: str, request: Request, resources: Sequence[Resource], size: int
    ) -> Iterator[Outcome]:
        """One call per chunk; a refused chunk is halved until the bad resource is alone."""
        for chunk in chunks(resources, size):
            yield from self._chunk(operation, request, chunk)

    def _chunk(
        self, operation: str, request: Request, chunk: Sequence[Resource]
    ) -> Iterator[Outcome]:
        if self.exhausted:
            why = f"not asked for: {self.exhausted[0]}"
            yield from (Outcome(one, OutcomeStatus.FAILED, why) for one in chunk)
            return
        try:
            self.ask(operation, **request([one.id for one in chunk]))
        except (CloudError, AccessDenied) as error:
            yield from self._refused(operation, request, chunk, error)
        else:
            yield from (Outcome(one, OutcomeStatus.PENDING) for one in chunk)

    def _refused(
        self,
        operation: str,
        request: Request,
        chunk: Sequence[Resource],
        error: CloudError | AccessDenied,
    ) -> Iterator[Outcome]:
        if throttled_or_unclear(error):
            self.exhausted.append(error.message)
            status = (
                OutcomeStatus.PENDING if isinstance(error, CloudUnclear) else OutcomeStatus.FAILED
            )
            yield from (Outcome(one, status, error.message) for one in chunk)
        elif len(chunk) == 1:
            if isinstance(error, CloudError) and error.code == "OperationNotPermitted":
                self.protected.add(chunk[0].id)
            yield judged(chunk[0], error)
        else:
            middle = len(chunk) // 2
            yield from self._chunk(operation, request, chunk[:middle])
            yield from self._chunk(operation, request, chunk[middle:])


def judged(resource: Resource, error: CloudError | AccessDenied) -> Outcome:
    """Convert AWS's refusal to an outcome of the one resource it concerns."""
    code = error.code if isinstance(error, CloudError) else ""
    if _NOT_THERE.search(code):
        return Outcome(
            resource, OutcomeStatus.UNSEEN, "AWS does not find it, which proves nothing yet"
        )
    if said := _by_others(resource, code):
        return Outcome(resource, OutcomeStatus.BLOCKED, f"{error.message}: {said}")
    if _IN_THE_WAY.search(code) or code in _WRONG_STATE:
        return Outcome(resource, OutcomeStatus.BLOCKED, error.message)
    return Outcome(resource, OutcomeStatus.FAILED, error.message)


def _by_others(resource: Resource, code: str) -> str:
    """What a person can do about a use or a protection that only people end; '' if it is none."""
    if code == "InvalidSnapshot.InUse":
        beside = f"release beside it: deployer up {service_of(resource)} --despite {resource.id}"
        return f"deregister that image, if nobody needs it; or {beside}"
    if code == "OperationNotPermitted" and resource.kind == IMAGE:
        lift = f"aws ec2 disable-image-deregistration-protection --image-id {resource.id}"
        return f"{lift}; until then it is kept"
    return ""
