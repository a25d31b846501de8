"""One round of the loop: read the current configuration, open the services, sweep once.

The configuration is read again each time, so that a service is added without a restart. An invalid
configuration fails the round, and the loop soon becomes unhealthy. The old configuration is never
used instead, because a service may have been removed from it on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from reconciler.aws.client.response_events import SLOWER
from reconciler.cli.daemon.loop import IterationResult
from reconciler.config.loader import Settings
from reconciler.cost import price_cache
from reconciler.cost.price_list import Prices
from reconciler.errors import AccessDenied
from reconciler.model.outcome import Outcome
from reconciler.output.notifications.history import NotificationHistory
from reconciler.output.notifications.notifier import approving
from reconciler.plan.circuit_breaker import Breaker, Cap
from reconciler.ports.service import OnOutcome
from reconciler.sweep.result import SweepResult
from reconciler.sweep.runner import sweep
from reconciler.util import signals
from reconciler.wiring.edges import Edges
from reconciler.wiring.fleet_builder import build_fleet
from reconciler.wiring.notifier_factory import notifier
from reconciler.wiring.sweep_journal import SweepJournal


@dataclass
class SweepIteration:
    """Sweeps when called. Sessions are reused by later rounds until the configuration changes.

    Callbacks: `on_outcome` per resource, `on_answer` per AWS request, `on_sent` per notification.
    """

    load: Callable[[], Settings]
    names: Sequence[str]
    on_outcome: OnOutcome
    on_answer: Callable[[str, str], None]
    on_sent: Callable[[str, str], None] = lambda _way, _outcome: None
    prices: Callable[[], Prices] = price_cache.load
    _told_of: NotificationHistory = field(default_factory=NotificationHistory, init=False)
    _edges: Edges | None = field(default=None, init=False)
    _throttled: int = field(default=0, init=False)

    def __call__(self, unfinished_only: bool) -> IterationResult:
        """One sweep. Raises ToolError: configuration, credentials, breaker, AWS."""
        self._throttled = 0
        settings = self.load()
        try:
            result = self._sweep(settings, unfinished_only=unfinished_only)
        except AccessDenied:
            self._edges = None  # use the credentials of a later login
            raise
        if result.gaps or result.left.unknown:
            self._edges = None  # retry an account that could not be entered
        return IterationResult(result, self._throttled)

    def _connected(self, settings: Settings) -> Edges:
        if self._edges is None or self._edges.settings != settings:
            self._edges = Edges(settings, settings.reconciler.reach, self._heard)
        return self._edges

    def _sweep(self, settings: Settings, *, unfinished_only: bool) -> SweepResult:
        edges = self._connected(chosen(settings, self.names))
        fleet = build_fleet(settings, self.names, edges)
        breaker = settings.reconciler.breaker
        guard = Breaker(Cap(breaker.max_count, breaker.share))
        people = notifier(settings, edges, self.prices(), self._told_of, self.on_sent)

        def told(outcome: Outcome) -> None:
            guard.hear(outcome)
            self._told(outcome)

        approve = approving(guard.check, people)
        fleet = replace(fleet, unfinished_only=unfinished_only)
        journal = SweepJournal(settings, edges, self.prices())
        result = sweep(fleet, told, approve=approve)
        journal.record(result)
        if people is not None:
            people.done(result)
        return result

    def _told(self, outcome: Outcome) -> None:
        self.on_outcome(outcome)
        # A resource is finished: a safe moment to stop on a signal.
        signals.between()

    def _heard(self, action: str, outcome: str) -> None:
        self._throttled += outcome == SLOWER
        self.on_answer(action, outcome)


def chosen(settings: Settings, names: Sequence[str]) -> Settings:
    """The settings, if they have these services and any scope at all. Raises ConfigError."""
    for name in names:
        settings.service(name)
    settings.refuse_empty()
    return settings
