"""The loop's figures, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reconciler.cli.daemon.loop import Round
from reconciler.cli.daemon.metrics import Metrics
from reconciler.cost.price_list import Prices
from reconciler.errors import ToolError
from reconciler.model import tags as t
from reconciler.model.ledger import LedgerHome
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import DATABASE, INSTANCE
from reconciler.sweep.result import SweepResult
from tests.support.shop_world import ALL, CLEAN, DEAD, LIVE, NOW, PLACE, planned

MACHINE = next(one for one in ALL if one.deploy == DEAD and one.kind == INSTANCE)

LEDGER_HOME = LedgerHome("shop.example.com", PLACE.account, PLACE.region)


def _ignored(*_: object) -> Callable[[bytes], object]:
    """Status and headers of an answer are of no interest."""
    return len


class Figures(dict[tuple[str, ...], float]):
    """Every sample by its name and the values of its labels, in any order."""

    def __init__(self, metrics: Metrics) -> None:
        answer = metrics.application({"REQUEST_METHOD": "GET", "PATH_INFO": ""}, _ignored)
        families = text_string_to_metric_families(b"".join(answer).decode())
        samples = [sample for family in families for sample in family.samples]
        super().__init__({self.key(one.name, *one.labels.values()): one.value for one in samples})

    @staticmethod
    def key(name: str, *labels: str) -> tuple[str, ...]:
        return (name, *sorted(labels))

    def of(self, said: str) -> float | None:
        """The figure of `name label label …`, without our prefix; None where there is none."""
        return self.get(self.key(*f"reconciler_{said}".split()))

    @property
    def orphans(self) -> set[tuple[str, ...]]:
        """The labels of what is an orphan."""
        return {key[1:] for key in self if key[0] == "reconciler_orphans"}


def turn(result: SweepResult | None, *, full: bool = True, error: Exception | None = None) -> Round:
    """A round that took two seconds."""
    return Round(full, NOW, 2.0, result, error=error)


@pytest.fixture
def metrics() -> Metrics:
    """Of a loop that has done nothing yet, a minute after NOW."""
    return Metrics(Prices, lambda: NOW + timedelta(minutes=1))


def test_how_long_writes_have_been_refused(metrics: Metrics) -> None:
    """It grows between two sweeps, and it is gone once live takes writes again."""
    since = NOW - timedelta(seconds=70)
    shut = [
        replace(one, state="shut", since=since)
        if one.deploy == LIVE and one.kind == DATABASE
        else one
        for one in ALL
    ]
    left = planned(CLEAN, shut)
    metrics.round(turn(SweepResult(left, left, ())))
    assert Figures(metrics).of("writes_refused_seconds shop") == 130
    whole = planned()
    metrics.round(turn(SweepResult(whole, whole, ())))
    assert Figures(metrics).of("writes_refused_seconds shop") is None


def test_orphans_by_kind_and_cause(metrics: Metrics) -> None:
    """What is left, how old the oldest is and what it costs; prices not known apart.

    The held machine keeps its image, and that its snapshot: neither is wasted.
    """
    held = replace(MACHINE, id="i-42", tags={**MACHINE.tags, t.HOLD: "ask Ann"}, uses=())
    exotic = replace(MACHINE, id="i-43", type="x9.huge", uses=())
    left = planned(resources=[*ALL, held, exotic])
    metrics.round(
        turn(SweepResult(left, left, (Outcome(MACHINE, OutcomeStatus.BLOCKED, "protected"),)))
    )
    seen = Figures(metrics)
    assert seen.of("orphans shop instance blocked") == 1
    assert seen.of("orphans shop instance garbage") == 1
    assert seen.of("orphans shop instance held") == 1
    assert seen.of("orphans shop volume garbage") == 1
    assert (
        seen.of("oldest_orphan_age_seconds")
        == (NOW + timedelta(minutes=1) - DEAD.born).total_seconds()
    )
    assert seen.of("wasted_dollars_per_hour") == pytest.approx(0.0278 + 0.00098, abs=1e-4)
    assert seen.of("unpriced_orphans") == 1
    assert seen.of("last_success_timestamp_seconds full") == NOW.timestamp() + 2


def test_a_round_takes_the_prices_fetched_since() -> None:
    """A loop that runs for weeks does not count by the prices of its start."""
    kept = [Prices()]
    metrics = Metrics(lambda: kept[0])
    kept[0] = Prices("2026-11-23", {PLACE.region: {MACHINE.type: Decimal(7)}})
    left = planned(resources=[*(one for one in ALL if one.deploy == LIVE), MACHINE])
    metrics.round(turn(SweepResult(left, left)))
    metrics.item(Outcome(MACHINE, OutcomeStatus.GONE))
    figures = Figures(metrics)
    assert figures.of("wasted_dollars_per_hour") == pytest.approx(7.0, abs=0.01)
    assert figures.of("saved_dollars_per_hour_total") == pytest.approx(7.0, abs=0.01)


def test_nothing_wasted_is_zero(metrics: Metrics) -> None:
    """A clean world has no age and no price."""
    clean = planned(resources=[one for one in ALL if one.deploy == LIVE])
    metrics.round(turn(SweepResult(clean, clean)))
    seen = Figures(metrics)
    assert seen.of("oldest_orphan_age_seconds") == 0
    assert seen.of("wasted_dollars_per_hour") == 0
    assert seen.orphans == set()


def test_a_young_round_forgets_nothing_that_it_does_not_list(metrics: Metrics) -> None:
    """What is lost is labelled live; only the full round sees it, and only it may forget it."""
    stray = replace(MACHINE, tags={**MACHINE.tags, t.STATE: "retired", t.HOLD: "evidence"})
    world = planned(resources=[*(one for one in ALL if one.deploy == LIVE), stray])
    metrics.round(turn(SweepResult(world, world)))
    assert Figures(metrics).of("orphans shop instance held") == 1
    none = planned(replace(CLEAN, home=LEDGER_HOME), ())
    metrics.round(turn(SweepResult(none, none), full=False))
    assert Figures(metrics).of("orphans shop instance held") == 1
    metrics.round(turn(SweepResult(none, none)))
    assert Figures(metrics).orphans == set()


def test_a_moved_record_is_counted(metrics: Metrics) -> None:
    """An alert can be made of it; put back, it is none any more."""
    seen = planned()
    [service_plan] = seen.services
    moved = replace(seen, services=(replace(service_plan, notes=("somebody moved it",)),))
    metrics.round(turn(SweepResult(seen, moved)))
    assert Figures(metrics).of("moved_records") == 1
    metrics.round(turn(SweepResult(seen, seen)))
    assert Figures(metrics).of("moved_records") == 0


def test_what_has_become_unknown_is_not_gone(metrics: Metrics) -> None:
    """Garbage of a service whose ledger cannot be read is still there, as far as anybody knows."""
    seen = planned()
    metrics.round(turn(SweepResult(seen, seen)))
    blind = planned(problem="the zone could not be read")
    metrics.round(turn(SweepResult(blind, blind)))
    after = Figures(metrics)
    assert after.of("orphans shop instance garbage") == 1
    assert after.of("unknown_services") == 1
    assert after.of("rounds_total full partial") == 1


def test_counters_count(metrics: Metrics) -> None:
    """Deletions with what they cost, failures, calls, rounds and notices."""
    metrics.item(Outcome(MACHINE, OutcomeStatus.GONE))
    metrics.item(Outcome(MACHINE, OutcomeStatus.FAILED, "denied"))
    metrics.item(Outcome(MACHINE, OutcomeStatus.DONE))
    for outcome in ("ok", "ok", "throttled"):
        metrics.called("ec2:DescribeTags", outcome)
    metrics.round(turn(None, full=False, error=ToolError("AWS is away")))
    metrics.noticed("webhook", "failed")
    seen = Figures(metrics)
    assert seen.of("deletions_total shop instance") == 1
    assert seen.of("failures_total shop instance failed") == 1
    assert seen.of("saved_dollars_per_hour_total") == pytest.approx(0.0278)
    assert seen.of("api_calls_total ec2:DescribeTags ok") == 2
    assert seen.of("api_calls_total ec2:DescribeTags throttled") == 1
    assert seen.of("rounds_total young failed") == 1
    assert seen.of("sweep_duration_seconds_sum young") == 2
    assert seen.of("notices_total webhook failed") == 1
    assert seen.of("last_success_timestamp_seconds young") is None
