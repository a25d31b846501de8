"""The loop's metrics for Prometheus. The only module that imports prometheus-client.

Gauges show the state as last read, counters the events since the loop began. Resources without a
known price are counted separately, never as 0.
"""

from __future__ import annotations

import platform
from collections import Counter as Count
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from wsgiref.types import WSGIApplication

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    make_wsgi_app,
)
from prometheus_client.core import GaugeMetricFamily

from reconciler.cli.daemon.loop import Round
from reconciler.cli.daemon.orphan_tracker import Orphans
from reconciler.cost import estimate
from reconciler.cost.price_list import Prices
from reconciler.model.outcome import Outcome, OutcomeStatus

_SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
_NOT_DONE = (
    OutcomeStatus.BLOCKED,
    OutcomeStatus.FAILED,
    OutcomeStatus.PENDING,
    OutcomeStatus.UNSEEN,
)


class Metrics:
    """The metrics of one loop, in a separate registry. Thread-safe.

    `load` returns the current prices; it is called once a round.
    """

    def __init__(
        self,
        load: Callable[[], Prices],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._load = load
        self._registry = CollectorRegistry()
        self._seen = _Seen(now, load())
        self._registry.register(self._seen)
        self.application: WSGIApplication = make_wsgi_app(self._registry)
        ProcessCollector(registry=self._registry)
        self._registry.register(_Build())
        self._rounds = self._counter("rounds", "Sweeps by what they came to", "sweep", "outcome")
        self._deletions = self._counter("deletions", "Things that are gone", "service", "kind")
        self._failures = self._counter(
            "failures",
            "Things that were not dealt with, at every try",
            "service",
            "kind",
            "outcome",
        )
        self._calls = self._counter("api_calls", "Requests to AWS, each try", "action", "outcome")
        self._notices = self._counter("notices", "Notices by their way", "way", "outcome")
        self._saved = self._counter(
            "saved_dollars_per_hour", "Cost of what was deleted, where it is known"
        )
        self._seconds = Histogram(
            "reconciler_sweep_duration_seconds",
            "How long a sweep took",
            ("sweep",),
            buckets=_SECONDS,
            registry=self._registry,
        )

    def _counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(f"reconciler_{name}", help_, labels, registry=self._registry)

    def called(self, action: str, outcome: str) -> None:
        """Count an attempt to call AWS, answered or not."""
        self._calls.labels(action, outcome).inc()

    def noticed(self, way: str, outcome: str) -> None:
        """Count a notification that was `sent` or `failed`."""
        self._notices.labels(way, outcome).inc()

    def item(self, outcome: Outcome) -> None:
        """Count the outcome of one resource."""
        resource = outcome.resource
        service = resource.deploy.service if resource.deploy else ""
        if outcome.status is OutcomeStatus.GONE:
            self._deletions.labels(service, resource.kind).inc()
            self._saved.inc(float(estimate.of(resource, None, self._seen.prices).hourly))
        elif outcome.status in _NOT_DONE:
            self._failures.labels(service, resource.kind, outcome.status.value).inc()

    def round(self, done: Round) -> None:
        """A round has ended."""
        self._rounds.labels(done.kind, done.outcome).inc()
        self._seconds.labels(done.kind).observe(done.seconds)
        self._seen.round(done, self._load())


class _Build:
    """Which version runs, as a gauge that is always 1."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauge, requested by prometheus-client."""
        labels = {"version": version("deploysweep"), "python": platform.python_version()}
        words = "The version of the reconciler, and of its Python"
        family = GaugeMetricFamily("reconciler_build_info", words, labels=tuple(labels))
        family.add_metric(tuple(labels.values()), 1)
        yield family


class _Seen:
    """The state that the last sweeps read; computed at each scrape, because ages grow."""

    def __init__(self, now: Callable[[], datetime], prices: Prices) -> None:
        self._now = now
        self.prices = prices
        self._orphans = Orphans()
        self._unknown = self._contradictions = 0
        self._complete: dict[str, float] = {}
        self._shut: dict[str, datetime] = {}

    def round(self, done: Round, prices: Prices) -> None:
        self.prices = prices
        if done.outcome == "complete":
            ended = done.began + timedelta(seconds=done.seconds)
            self._complete[done.kind] = ended.timestamp()
        if done.result is not None:
            self._unknown = len(done.result.left.unknown)
            self._contradictions = len(done.result.left.contradictions)
            self._shut = {
                one.service: one.shut_live.since or one.root.now
                for one in done.result.left.services
                if one.shut_live is not None
            }
            self._orphans = self._orphans.after(done.result, full=done.full)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges, requested by prometheus-client."""
        yield self._by_cause()
        yield from self._waste()
        unknown = "Services whose state could not be established"
        yield GaugeMetricFamily("reconciler_unknown_services", unknown, self._unknown)
        moved = "A records that somebody moved, or that keep a release that would go by now"
        yield GaugeMetricFamily("reconciler_moved_records", moved, self._contradictions)
        yield self._writes_refused()
        yield self._last_complete()

    def _writes_refused(self) -> GaugeMetricFamily:
        words = "How long the live database has refused writes; a release does so for a while"
        name = "reconciler_writes_refused_seconds"
        family = GaugeMetricFamily(name, words, labels=("service",))
        for service, since in sorted(self._shut.items()):
            family.add_metric((service,), max((self._now() - since).total_seconds(), 0.0))
        return family

    def _by_cause(self) -> GaugeMetricFamily:
        words = "Things that nothing roots, as last seen"
        family = GaugeMetricFamily("reconciler_orphans", words, labels=("service", "kind", "cause"))
        counts = Count(
            (orphan.service, orphan.resource.kind, orphan.cause) for orphan in self._orphans
        )
        for labels, number in sorted(counts.items()):
            family.add_metric(labels, number)
        return family

    def _waste(self) -> Iterator[GaugeMetricFamily]:
        waste = [orphan.resource for orphan in self._orphans if orphan.waste]
        cost = estimate.add(estimate.of(one, None, self.prices) for one in waste)
        born = min((one.deploy.born for one in waste if one.deploy), default=None)
        age = (self._now() - born).total_seconds() if born else 0.0
        costs = "What garbage costs, as far as prices are known"
        for name, words, value in (
            ("oldest_orphan_age_seconds", "Age of the oldest garbage; 0 for none", max(age, 0.0)),
            ("wasted_dollars_per_hour", costs, float(cost.hourly)),
            ("unpriced_orphans", "Garbage whose price is not known", cost.unknown),
        ):
            yield GaugeMetricFamily(f"reconciler_{name}", words, value)

    def _last_complete(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            "reconciler_last_success_timestamp_seconds",
            "When a sweep last saw everything that it looked for",
            labels=("sweep",),
        )
        for kind, moment in sorted(self._complete.items()):
            family.add_metric((kind,), moment)
        return family
