"""Sends notifications about a sweep by webhook and SNS. A failure never stops a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from reconciler.cost.price_list import Prices
from reconciler.errors import Refused, ToolError
from reconciler.model.resource import DATABASE, Resource
from reconciler.output.notifications.history import NotificationHistory
from reconciler.output.notifications.message import Notice, Phase, done, impaired, planned
from reconciler.plan.service_plan import Plan
from reconciler.sweep.result import SweepResult
from reconciler.util.log import Logger
from reconciler.util.secret import redact

log = Logger()

Send = Callable[[Notice], None]
"""Sends one notification, or raises ToolError. Takes seconds at most."""

Mark = Callable[[Resource, datetime], None]
"""Tags a resource with the time of its notification. Raises ToolError."""

SENT, FAILED = "sent", "failed"


@dataclass
class Notifier:
    """Sends the notifications of one sweep.

    `ways`: channels by name; `phases`: enabled phases. In a loop, `told` outlives the sweep.
    """

    ways: Mapping[str, Send]
    mark: Mark
    prices: Prices
    phases: frozenset[Phase] = frozenset(Phase)
    told: NotificationHistory = field(default_factory=NotificationHistory)
    on_sent: Callable[[str, str], None] = lambda _way, _outcome: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _announced: list[Resource] = field(default_factory=list, init=False)

    def planned(self, plan: Plan) -> None:
        """Called before a plan is executed."""
        self._announce(planned(plan, self.told, self.clock(), self.prices))

    def refused(self, plan: Plan, error: Refused) -> None:
        """Called when a plan is refused."""
        self._announce(planned(plan, self.told, self.clock(), self.prices, error.message))

    def done(self, result: SweepResult) -> None:
        """Called when a sweep has ended."""
        notice = done(result.outcomes, self._announced, self.clock(), self.prices)
        if notice is not None and Phase.DONE in self.phases:
            self._send(notice)
        # Whatever the configuration leaves out: a service that takes no writes is always told.
        ill = impaired(result.left, self.told, self.clock())
        if ill is not None and self._send(ill):
            self.told.remember(ill.findings, self.clock())

    def _announce(self, notice: Notice | None) -> None:
        if notice is None:
            return
        self._announced += notice.findings
        # If only the end is reported, a resource that stays is still reported once a day.
        wanted = Phase.PLANNED in self.phases or notice.phase is Phase.REFUSED
        if wanted and not self._send(notice):
            return  # not delivered: the next sweep sends it again
        now = self.clock()
        self.told.remember(notice.findings, now)
        for resource in notice.findings:
            self._mark(resource, now)

    def _mark(self, resource: Resource, now: datetime) -> None:
        if resource.kind == DATABASE:
            return
        try:
            self.mark(resource, now)
        except ToolError as error:
            log.warning("a notice may come again", id=resource.id, cause=error.message)

    def _send(self, notice: Notice) -> bool:
        """Whether it was sent through at least one channel."""
        sent = [self._sent(way, send, notice) for way, send in self.ways.items()]
        return any(sent)

    def _sent(self, way: str, send: Send, notice: Notice) -> bool:
        try:
            send(notice)
        except ToolError as error:
            log.warning("not told", way=way, phase=notice.phase.value, cause=redact(error.message))
            self.on_sent(way, FAILED)
            return False
        log.info("told", way=way, phase=notice.phase.value, subject=notice.subject)
        self.on_sent(way, SENT)
        return True


def approving(check: Callable[[Plan], None], people: Notifier | None) -> Callable[[Plan], None]:
    """Wrap `check`, which refuses a plan by raising Refused; the plan is notified either way."""

    def approve(plan: Plan) -> None:
        try:
            check(plan)
        except Refused as error:
            if people is not None:
                people.refused(plan, error)
            raise
        if people is not None:
            people.planned(plan)

    return approve
