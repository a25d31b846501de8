"""Records how the sweep of a scope ended, in a file that `reconciler collate` joins with others."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from reconciler.cli.shared import DURATION
from reconciler.errors import ConfigError, ToolError
from reconciler.exit_codes import Exit, code_of
from reconciler.util.secret import redact
from reconciler.util.signals import Interrupted

if TYPE_CHECKING:
    from reconciler.cost.price_list import Prices
    from reconciler.sweep.result import SweepResult
    from reconciler.sweep.scopes.cell import ScopeCell
    from reconciler.sweep.scopes.result import ScopeResult
    from reconciler.sweep.scopes.run_files import RunFiles
    from reconciler.wiring.edges import Edges

_F = TypeVar("_F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--scope", metavar="ACCOUNT/REGION", help="Only this account in this region."),
    click.option("--result", metavar="FILE|s3://…", help="Write the scope's result there."),
    click.option("--run", metavar="DIR|s3://…", help="Do this scope's part of that run."),
    click.option("--limit", type=DURATION, help="Stop after this time; the next sweep goes on."),
    click.option(
        "--workers",
        type=click.IntRange(1),
        metavar="N",
        help="So many sweeps run at once: Route 53 gets its share of calls from each.",
    ),
)


def scoped(command: _F) -> _F:
    """Add the options of a sweep that is one of many; the command gets them as `Scoped`."""

    @wraps(command)
    def inner(*args: Any, **given: Any) -> Any:
        names = [one.name for one in fields(Scoped)]
        return command(*args, scoped=Scoped(**{name: given.pop(name) for name in names}), **given)

    for option in reversed(_OPTIONS):
        inner = option(inner)
    return cast("_F", inner)


@dataclass(frozen=True)
class Scoped:
    """The options of a sweep that is one of many."""

    scope: str | None
    result: str | None
    run: str | None
    limit: timedelta | None
    workers: int | None

    def refuse_contradictions(self, *, others: bool, young: bool) -> None:
        """Raises ConfigError for options that cannot be meant together; `others` restrict too."""
        if self.scope is None and (self.result is not None or self.run is not None):
            raise ConfigError(
                "--result and --run are of one scope: say --scope ACCOUNT/REGION",
                cure="To list them   reconciler scopes",
            )
        if self.scope is not None and others:
            raise ConfigError("--scope selects the services: leave --service and --plan out")
        if young and (self.run is not None or self.result is not None):
            raise ConfigError("a result tells of everything in its scope: leave --young out")


@dataclass
class Calls:
    """Counts the requests to AWS, each try."""

    count: int = 0

    def heard(self, action: str, outcome: str) -> None:
        """One was answered, or not."""
        del action, outcome
        self.count += 1


@dataclass
class Record:
    """The result of one scope while it is worked on. Without `scope` nothing is recorded."""

    scope: ScopeCell | None
    calls: Calls
    run: str = ""
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    result: ScopeResult | None = None

    def begun(self, place: str) -> ScopeResult:
        """What stands in `place` of an earlier result meanwhile, and if this sweep is killed."""
        why = "its sweep began and has not ended: it is under way, or was killed"
        file = shlex.quote(place)
        again = f"To sweep it   reconciler sweep --scope {self.scope} --result {file}"
        return self._result(Exit.DIRT, why, again)

    def done(self, code: Exit | int, swept: SweepResult, prices: Prices) -> None:
        """The sweep has ended."""
        from reconciler.output.sweep import as_json

        if self.scope is not None:
            self.result = self._result(code, answer=as_json(swept, prices))

    def failed(self, error: BaseException) -> None:
        """An error or a signal has ended the sweep."""
        if self.scope is not None:
            cure = redact(error.cure) if isinstance(error, ToolError) else ""
            said = error.message if isinstance(error, ToolError) else str(error)
            self.result = self._result(code_of(error), redact(said), cure)

    def _result(
        self, code: int, message: str = "", cure: str = "", answer: Mapping[str, Any] | None = None
    ) -> ScopeResult:
        from reconciler.sweep.scopes.result import ScopeResult

        ended = datetime.now(UTC)
        return ScopeResult(
            str(self.scope),
            int(code),
            self.began,
            ended,
            message,
            cure,
            self.calls.count,
            self.run,
            answer or {},
        )


@contextmanager
def recorded(edges: Edges, said: Scoped, run: RunFiles | None) -> Iterator[Record]:
    """The record of this sweep; written at its end, also when an error or a signal ends it.

    A sweep that is killed writes nothing in its run: then the scope is missing, which is what it
    is. A file of its own may have an earlier result, so it says first that this sweep has begun.
    Raises ConfigError before anything is done if the scope or the file cannot be meant.
    """
    from reconciler.sweep.scopes import result as results
    from reconciler.sweep.scopes.cell import scope_of
    from reconciler.wiring.scopes.ledger_freeze import ZONE_RATE
    from reconciler.wiring.scopes.run_place import open_file

    place = open_file(said.result) if said.result is not None else None
    cell = scope_of(edges.settings, said.scope) if said.scope is not None else None
    if said.workers is not None:
        edges.zone_rate = ZONE_RATE / said.workers
    record = Record(cell, Calls(), run.name if run is not None else "")
    edges.on_answer = record.calls.heard
    if place is not None and said.result is not None:
        place[0].put(place[1], results.encode(record.begun(said.result)))
    try:
        yield record
    except (ToolError, Interrupted) as error:
        record.failed(error)
        raise
    finally:
        if place is not None and record.result is not None:
            place[0].put(place[1], results.encode(record.result))
        if run is not None and record.result is not None:
            run.put_result(record.result)
