"""Records how the sweep of a scope ended, in a file that `reconciler collate` joins with others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from reconciler.errors import ConfigError, ToolError
from reconciler.exit_codes import Exit, code_of
from reconciler.util.secret import redact
from reconciler.util.signals import Interrupted

if TYPE_CHECKING:
    from reconciler.cost.price_list import Prices
    from reconciler.sweep.result import SweepResult
    from reconciler.sweep.scopes.cell import ScopeCell
    from reconciler.sweep.scopes.result import ScopeResult
    from reconciler.wiring.edges import Edges

SCOPE = click.option("--scope", metavar="ACCOUNT/REGION", help="Only this account in this region.")
RESULT = click.option(
    "--result", metavar="FILE|s3://…", help="Write the scope's result there, for `collate`."
)


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
        self, code: int, message: str = "", cure: str = "", answer: dict[str, object] | None = None
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
def recorded(
    edges: Edges, services: Sequence[str], scope: str | None, file: str | None
) -> Iterator[Record]:
    """The record of this sweep; written at its end, also when an error or a signal ends it.

    A sweep that is killed writes nothing: then the scope is missing, which is what it is. Raises
    ConfigError before anything is done if the scope or the file cannot be meant.
    """
    from reconciler.sweep.scopes import result as results
    from reconciler.sweep.scopes.cell import scope_of
    from reconciler.wiring.run_place import open_file

    if file is not None and scope is None:
        raise ConfigError("--result is the result of one scope: say --scope ACCOUNT/REGION")
    if scope is not None and services:
        raise ConfigError("--scope says itself which services: leave --service out")
    place = open_file(file) if file is not None else None
    record = Record(scope_of(edges.settings, scope) if scope is not None else None, Calls())
    edges.on_answer = record.calls.heard
    try:
        yield record
    except (ToolError, Interrupted) as error:
        record.failed(error)
        raise
    finally:
        if place is not None and record.result is not None:
            place[0].put(place[1], results.encode(record.result))
