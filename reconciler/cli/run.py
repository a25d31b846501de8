"""`reconciler run`: the loop with its HTTP server and its log. Imported only when it runs."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import click

from reconciler.cli.daemon.http_server import Address, Pages, opened, respond
from reconciler.cli.daemon.iteration import SweepIteration, chosen
from reconciler.cli.daemon.loop import Loop, Round
from reconciler.cli.daemon.metrics import Metrics
from reconciler.cli.daemon.schedule import Intervals
from reconciler.cli.shared import DURATION, SERVICES, CliContext, common, epilog, parts, pass_asked
from reconciler.cost.price_cache import PriceFile
from reconciler.exit_codes import Exit
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.sweep.result import SweepResult
from reconciler.util import humanize
from reconciler.util import log as logs
from reconciler.util.log import Logger

log = Logger()

LISTEN = "127.0.0.1:9750"
SHORTEST = timedelta(seconds=1)


class _Address(click.ParamType[Address]):
    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        try:
            return value if isinstance(value, Address) else Address.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(
    epilog=epilog(
        """reconciler run --every 1m --full-every 1h
        reconciler run --service shop --listen 0.0.0.0:9750
        curl -f http://127.0.0.1:9750/healthz""",
        (Exit.DONE, Exit.USAGE),
    )
)
@SERVICES
@click.option(
    "--every", type=DURATION, default="1m", show_default=True, help="Interval between sweeps."
)
@click.option(
    "--full-every",
    "full",
    type=DURATION,
    default="1h",
    show_default=True,
    help="Interval of full sweeps.",
)
@click.option(
    "--listen",
    type=_Address(),
    default=LISTEN,
    metavar="ADDR:PORT",
    show_default=True,
    help="Address that serves /metrics and /healthz.",
)
@common
@pass_asked
def run(
    asked: CliContext, services: tuple[str, ...], every: timedelta, full: timedelta, listen: Address
) -> int:
    """Sweep for ever: young sweeps often, full ones now and then.

    A failed sweep says why, waits longer and goes on. SIGTERM lets the item under way be finished,
    and ends with 0.
    """
    _refuse(every, full)
    asked.last_words = "Left at once. The next sweep goes on: reconciler sweep"
    logs.set_up(verbose=asked.verbose, usual=logging.INFO)
    chosen(asked.settings(), services)  # report errors now, not only in the log
    prices = PriceFile().load
    metrics = Metrics(prices)
    sweeps = SweepIteration(
        asked.settings, services, _Items(metrics), metrics.called, metrics.noticed, prices
    )
    intervals = Intervals(every.total_seconds(), full.total_seconds())
    loop = Loop(sweeps, intervals, (metrics.round, log_round))
    with opened(listen, _pages(loop, metrics)) as address:
        log.info("listening", url=f"http://{address}", metrics="/metrics", health="/healthz")
        loop.run()
    return Exit.DONE


def _refuse(every: timedelta, full: timedelta) -> None:
    if every < SHORTEST:
        raise click.BadParameter("at least 1s", param_hint="--every")
    if full < every:
        raise click.BadParameter("at least as long as --every", param_hint="--full-every")


class _Items:
    """Reports each resource's outcome at once to the metrics and the log."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def __call__(self, outcome: Outcome) -> None:
        self._metrics.item(outcome)
        resource = outcome.resource
        done = outcome.status in (OutcomeStatus.GONE, OutcomeStatus.DONE)
        (log.info if done else log.warning)(
            outcome.status.value,
            kind=resource.kind,
            id=resource.id,
            deploy=str(resource.deploy or ""),
            place=str(resource.place),
            why=humanize.one_line(outcome.text),
        )


def log_round(done: Round) -> None:
    """Log one line per round; a failure is a warning, with its cure."""
    well = done.outcome == "complete" and not (done.result and done.result.left.contradictions)
    say = log.info if well else log.warning
    say("round", **round_facts(done))


def round_facts(done: Round) -> Mapping[str, Any]:
    """A round as log fields."""
    facts: dict[str, Any] = {
        "sweep": done.kind,
        "outcome": done.outcome,
        "seconds": round(done.seconds, 2),
        "throttled": done.throttled,
    }
    if done.result is not None:
        facts |= _result_facts(done.result)
    if done.missed:
        facts["cause"] = done.missed
    if done.error is not None:
        facts["cure"] = parts(done.error)[2]
    return facts


def _result_facts(result: SweepResult) -> Mapping[str, Any]:
    return {
        "removed": dict(Counter(outcome.resource.kind for outcome in result.gone)),
        "left": dict(Counter(verdict.resource.kind for verdict in result.left.deletes)),
        "ended": [str(deploy) for deploy in result.ended],
        "trouble": list(result.trouble),
        "contradictions": list(result.left.contradictions),
    }


def _pages(loop: Loop, metrics: Metrics) -> Pages:
    def health(_: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        problems, pulse = loop.problems, loop.pulse
        facts = {
            "healthy": not problems,
            "ills": list(problems),
            "rounds": pulse.rounds,
            "last": pulse.why,
        }
        status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
        body = json.dumps(facts, ensure_ascii=False) + "\n"
        return respond(start, status, body, "application/json")

    return {"/healthz": health, "/metrics": metrics.application}
