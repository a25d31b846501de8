"""`reconciler sweep`: all that is to be done, or only what a plan's file agreed to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import CODES, YOUNG, cap_of, connected
from reconciler.exits import Exit
from reconciler.render import stream
from reconciler.shared_cli import JOBS_DESPITE, SERVICES, Asked, common, epilog, pass_asked

if TYPE_CHECKING:
    from reconciler.breaker import Breaker
    from reconciler.cloud import Outcome
    from reconciler.managed import Managed
    from reconciler.plan import Plan
    from reconciler.plan_file import PlanFile
    from reconciler.settings import Settings
    from reconciler.sweep import Result
    from reconciler.wiring import Edges


@click.command(
    epilog=epilog(
        """reconciler sweep
        reconciler sweep --service shop
        reconciler sweep --young --json
        reconciler sweep --plan plan.json
        reconciler sweep --service shop --despite old.example.com""",
        CODES,
    )
)
@SERVICES
@YOUNG
@click.option("--allow", type=int, metavar="N", help="Allow so many deletions of a service once.")
@JOBS_DESPITE
@click.option(
    "--plan",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Only what `plan -o` wrote there, each item verified again.",
)
@click.option("--despite", multiple=True, metavar="NAME", help="A DNS name that keeps nothing.")
@common
@pass_asked
def sweep(
    asked: Asked,
    services: tuple[str, ...],
    *,
    young: bool,
    allow: int | None,
    jobs_despite: tuple[str, ...],
    file: Path | None,
    despite: tuple[str, ...],
) -> int:
    """Remove what is left behind; repair; finish.

    Drives every service to its desired state, and lists every single thing it could not do.
    """
    from reconciler.breaker import Breaker

    asked.last_words = "Left at once. The next sweep goes on: reconciler sweep"
    settings, edges = connected(asked)
    agreed = _agreed(file, services, young=young)
    guard = Breaker(cap_of(settings), allow)
    if agreed is not None:
        services, young = agreed.services, agreed.young
    word = _Word(frozenset(despite), frozenset(jobs_despite))
    result = _Run(asked, settings, edges, guard, agreed, word).sweep(services, young=young)
    return _said(asked, result)


@dataclass(frozen=True)
class _Word:
    """What the user vouches for: names that keep nothing, machines that run no jobs."""

    despite: frozenset[str]
    jobs_despite: frozenset[str]

    def given(self, one: Managed) -> Managed:
        """The service with this word."""
        return replace(one, despite=self.despite, jobs_despite=self.jobs_despite)


@dataclass
class _Run:
    """One sweep with all that watches it: the breaker, the plan that was agreed to, people."""

    asked: Asked
    settings: Settings
    edges: Edges
    guard: Breaker
    agreed: PlanFile | None
    word: _Word

    def sweep(self, names: Sequence[str], *, young: bool) -> Result:
        from reconciler import agreement
        from reconciler.notify import approving
        from reconciler.opening import opened
        from reconciler.sweep import sweep as clean
        from reconciler.ways import notifier

        agreed = self.agreed
        found = opened(self.settings, names, self.edges)
        services = [self.word.given(one) for one in found.services]
        asks = agreement.asks(agreed, found.services) if agreed is not None else {}
        if self.asked.as_json:
            self.asked.say(stream.version_line())
        people = notifier(self.settings, self.edges)
        approve = approving(self._refuse, people)
        result = clean(
            services, asks, self._tell, young=young, approve=approve, beside=found.beside
        )
        if agreed is not None:
            agreement.check_time(agreed, result.first)
            result = replace(result, left_out=agreement.left_out(agreed, result.first))
        if people is not None:
            people.done(result)
        return result

    def _refuse(self, seen: Plan) -> None:
        from reconciler import agreement

        if self.agreed is not None:
            agreement.check_time(self.agreed, seen)
        self.guard.check(seen)

    def _tell(self, outcome: Outcome) -> None:
        from reconciler.render.sweep_text import one_line, outcome_json

        self.guard.hear(outcome)
        if self.asked.as_json:
            self.asked.say(stream.item_line(outcome_json(outcome)))
        else:
            self.asked.tell(one_line(outcome))


def _said(asked: Asked, result: Result) -> int:
    """Say what was done; the exit code."""
    from reconciler.render.sweep_text import as_json, in_lines

    code = Exit.DONE if result.clean and not result.left.contradictions else Exit.DIRT
    done = stream.result_line(code, answer=as_json(result)) if asked.as_json else None
    asked.say(done or "\n".join(in_lines(result, verbose=asked.verbose)))
    return code


def _agreed(file: Path | None, services: Sequence[str], *, young: bool) -> PlanFile | None:
    """The plan in the file, if one is given. Raises ConfigError for what is none."""
    from reconciler import agreement, plan_file
    from reconciler.errors import ConfigError

    if file is None:
        return None
    if services or young:
        raise ConfigError("--plan says itself which services, and how far: leave the rest out")
    try:
        found = plan_file.decode(agreement.read(file))
    except ConfigError as error:
        error.message = f"{file}: {error.message}"
        raise
    if not found.services:
        raise ConfigError(f"{file}: the plan is of no service", cure=plan_file.CURE)
    return found
