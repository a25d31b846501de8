"""`reconciler sweep`: executes all due actions, or only those approved in a plan file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.main import CODES, YOUNG, cap_of, connected
from reconciler.cli.scopes.phases import run_files
from reconciler.cli.scopes.record import Scoped, recorded, scoped
from reconciler.cli.scopes.time_limit import TimeLimit
from reconciler.cli.shared import JOBS_DESPITE, SERVICES, CliContext, common, epilog, pass_asked
from reconciler.exit_codes import Exit
from reconciler.output import json_stream

if TYPE_CHECKING:
    Approve = Callable[["Plan"], None]

    from reconciler.cost.price_list import Prices
    from reconciler.model.outcome import Outcome
    from reconciler.plan.circuit_breaker import Breaker
    from reconciler.plan.plan_file import PlanFile
    from reconciler.plan.service_plan import Plan
    from reconciler.ports.fleet import Fleet
    from reconciler.ports.service import ManagedService
    from reconciler.sweep.result import SweepResult
    from reconciler.sweep.scopes.cell import ScopeCell
    from reconciler.sweep.scopes.run_files import RunFiles
    from reconciler.wiring.edges import Edges


@click.command(
    epilog=epilog(
        """reconciler sweep
        reconciler sweep --service shop
        reconciler sweep --young --json
        reconciler sweep --plan plan.json
        reconciler sweep --service shop --despite old.example.com
        reconciler sweep --scope 123456789012/eu-west-1 --result results/1.json""",
        CODES,
    )
)
@SERVICES
@YOUNG
@click.option("--allow", type=int, metavar="N", help="Override the deletion limit for this run.")
@JOBS_DESPITE
@click.option(
    "--plan",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Only the actions in this plan file, each verified again.",
)
@click.option("--despite", multiple=True, metavar="NAME", help="DNS name to ignore.")
@scoped
@common
@pass_asked
def sweep(
    asked: CliContext,
    services: tuple[str, ...],
    *,
    unfinished_only: bool,
    allow: int | None,
    jobs_despite: tuple[str, ...],
    file: Path | None,
    despite: tuple[str, ...],
    scoped: Scoped,
) -> int:
    """Remove what is left behind; repair; finish.

    Drives every service to its desired state, and lists every single thing it could not do.
    """
    from reconciler.cost import price_cache
    from reconciler.plan.circuit_breaker import Breaker

    asked.last_words = "Left at once. The next sweep goes on: reconciler sweep"
    others = bool(services) or file is not None
    scoped.refuse_contradictions(others=others, young=unfinished_only)
    settings, edges = connected(asked)
    agreed = _agreed(file, services, unfinished_only=unfinished_only)
    guard = Breaker(cap_of(settings), allow)
    if agreed is not None:
        services, unfinished_only = agreed.services, agreed.unfinished_only
    word = _Word(frozenset(despite), frozenset(jobs_despite))
    run = _Run(asked, edges, price_cache.load(), guard, agreed, word, TimeLimit(scoped.limit))
    files = run_files(scoped.run) if scoped.run is not None else None
    with recorded(edges, scoped, files) as record:
        if files is not None and record.scope is not None:
            result = run.part(files, record.scope)
        else:
            fleet = run.fleet(services, record.scope)
            result = run.sweep(replace(fleet, unfinished_only=unfinished_only))
        code = _said(asked, result, run.prices)
        record.done(code, result, run.prices)
    return code


@dataclass(frozen=True)
class _Word:
    """What the user asserts: names that keep nothing, machines that run no jobs."""

    despite: frozenset[str]
    jobs_despite: frozenset[str]

    def given(self, service: ManagedService) -> ManagedService:
        """The service with these assertions."""
        return replace(service, despite=self.despite, jobs_despite=self.jobs_despite)


@dataclass
class _Run:
    """One sweep with its checks: the breaker, the approved plan, the notifier."""

    asked: CliContext
    edges: Edges
    prices: Prices
    guard: Breaker
    agreed: PlanFile | None
    word: _Word
    limit: TimeLimit

    def fleet(self, names: Sequence[str], scope: ScopeCell | None) -> Fleet:
        """The services of these names or of the scope, with the user's assertions."""
        from reconciler.sweep import approved_plan
        from reconciler.wiring.fleet_builder import build_fleet, build_scope

        settings = self.edges.settings
        if scope is not None:
            found = build_scope(settings, scope, self.edges)
        else:
            found = build_fleet(settings, names, self.edges)
        return replace(
            found,
            services=tuple(self.word.given(service) for service in found.services),
            requests=approved_plan.asks(self.agreed, found.services) if self.agreed else {},
        )

    def sweep(self, fleet: Fleet) -> SweepResult:
        """An ordinary sweep, or that of the approved plan."""
        from reconciler.sweep import approved_plan
        from reconciler.sweep.runner import sweep as clean

        result = self._watched(lambda approve: clean(fleet, self._tell, approve=approve))
        agreed = self.agreed
        if agreed is not None:
            approved_plan.check_time(agreed, result.first)
            result = replace(result, left_out=approved_plan.left_out(agreed, result.first))
        return result

    def part(self, files: RunFiles, scope: ScopeCell) -> SweepResult:
        """A scope's part of a run, from its inventory and ledgers.

        Raises Refused without them, and where they are too old.
        """
        from reconciler.sweep.scopes.execution import execute, foresee, refuse_old
        from reconciler.wiring.scopes.ledger_freeze import placed

        name = str(scope)
        frozen, inventory = files.frozen(name)
        refuse_old(inventory, datetime.now(UTC))
        configured = self.edges.settings.services
        self.edges.located = lambda one: frozen.address(one, placed(configured[one]))
        fleet = self.fleet((), scope)
        plan = foresee(fleet, inventory, frozen)
        run = partial(execute, fleet, plan, partial(files.agree, name), self._tell)
        return self._watched(lambda approve: run(approve=approve))

    def _watched(self, work: Callable[[Approve], SweepResult]) -> SweepResult:
        """The result of `work`, with its stream, its notices and its entries in the journal."""
        from reconciler.output.notifications.notifier import approving
        from reconciler.wiring.notifier_factory import notifier
        from reconciler.wiring.sweep_journal import SweepJournal

        settings = self.edges.settings
        if self.asked.as_json:
            self.asked.say(json_stream.version_line())
        people = notifier(settings, self.edges, self.prices)
        journal = SweepJournal(settings, self.edges, self.prices)
        with self.limit.told():
            result = work(approving(self._refuse, people))
        journal.record(result)
        if people is not None:
            people.done(result)
        return result

    def _refuse(self, plan: Plan) -> None:
        from reconciler.sweep import approved_plan

        if self.agreed is not None:
            approved_plan.check_time(self.agreed, plan)
        self.guard.check(plan)
        self.limit.check()

    def _tell(self, outcome: Outcome) -> None:
        from reconciler.output.sweep import one_line, outcome_json

        self.guard.hear(outcome)
        if self.asked.as_json:
            self.asked.say(json_stream.item_line(outcome_json(outcome)))
        else:
            self.asked.tell(one_line(outcome))
        self.limit.check()


def _said(asked: CliContext, result: SweepResult, prices: Prices) -> int:
    """Report what was done; returns the exit code."""
    from reconciler.output.sweep import as_json, in_lines

    code = Exit.DONE if result.clean and not result.left.contradictions else Exit.DIRT
    if asked.as_json:
        answer = {"schema": "reconciler.sweep/1", **as_json(result, prices)}
        asked.say(json_stream.result_line(code, answer=answer))
        return code
    asked.say("\n".join(in_lines(result, prices, verbose=asked.verbose)))
    return code


def _agreed(
    file: Path | None, services: Sequence[str], *, unfinished_only: bool
) -> PlanFile | None:
    """The plan in the file, if one is given. Raises ConfigError if it is not a plan."""
    from reconciler.errors import ConfigError
    from reconciler.plan import plan_file
    from reconciler.sweep import approved_plan

    if file is None:
        return None
    if services or unfinished_only:
        raise ConfigError("the plan file selects the services: leave --service and --young out")
    try:
        found = plan_file.decode(approved_plan.read(file))
    except ConfigError as error:
        error.message = f"{file}: {error.message}"
        raise
    if not found.services:
        raise ConfigError(f"{file}: the plan is of no service", cure=plan_file.CURE)
    return found
