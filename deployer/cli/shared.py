"""Shared by the commands that change a service: ports, progress, result, error report."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from deployer import events as e
from reconciler.cli.shared import CliContext, confirm, parts, service_names
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from deployer.output.display import TerminalStage
    from deployer.ports import Ports
    from reconciler.model.deploy_id import DeployId
    from reconciler.model.outcome import Outcome
    from reconciler.sweep.result import SweepResult

_T = TypeVar("_T")

SERVICE = click.argument("service", shell_complete=service_names)
DESPITE_NAME = click.option("--despite", multiple=True, metavar="NAME", help="DNS name to ignore.")


def deploy_id(_: click.Context, parameter: click.Parameter, value: str | None) -> DeployId | None:
    """A click callback: the deploy-id in `value`. Usage error for anything else."""
    from reconciler.model.deploy_id import DeployId, InvalidDeployId

    try:
        return DeployId.parse(value) if value else None
    except InvalidDeployId as error:
        raise click.BadParameter(f"{error}; see deployer history", param=parameter) from error


def vouched(ports: Ports, despite: Collection[str]) -> Ports:
    """The ports, with the DNS names that the user accepts."""
    names = ports.managed.despite | frozenset(despite)
    return replace(ports, managed=replace(ports.managed, despite=names))


FORETOLD = ("release", "rehearse")
"""Commands of which an earlier one tells how long they take."""

_LAST_WORDS = """\
Left at once. What this run made may still be there, and live may refuse writes.
To undo it now           deployer abort {service}
To see what is there     deployer status {service}
To remove what is left   reconciler sweep --service {service}"""


@dataclass
class Staged:
    """A running command: the ports, the listener, and the answer.

    For the journal: the deploy that it is `about`, the reason that was given, what it `swept`.
    """

    ports: Ports
    emit: TerminalStage
    about: str = ""
    why: str = ""
    code: int = 0
    swept: SweepResult | None = None
    said: Mapping[str, Any] = field(default_factory=dict)

    def answer(
        self, schema: str, value: Mapping[str, Any], text: Callable[[], str], code: int = 0
    ) -> None:
        """Print the result: in the stream's last line with --json, else what `text` returns."""
        self.code, self.said = code, {"schema": schema, **value}
        if not self.emit.as_json:
            self.emit.close()
            self.emit.say(text().rstrip("\n"))


@contextlib.contextmanager
def staged(
    asked: CliContext, service: str, *, records: str = "", **ports: bool
) -> Iterator[Staged]:
    """Run a command on `service` with progress output; a failure is reported in full.

    `records` is what the journal calls the command; '' for one that is not recorded. `ports` are
    for `deployer.wiring.wired`.
    """
    from deployer.output.display import TerminalStage
    from deployer.wiring import wired
    from reconciler.util import log

    log.set_up(verbose=asked.verbose)
    settings = asked.settings()
    settings.service(service)
    asked.last_words = _LAST_WORDS.format(service=service)
    stage = TerminalStage(sys.stdout, sys.stderr, as_json=asked.as_json)
    asked.on_error = partial(_tell, stage, None)
    try:
        command = Staged(wired(settings, service, **ports), stage)
        record = _recording(command, records)
        asked.on_error = partial(_tell, stage, record)
        yield command
    finally:
        stage.close()
    if record is not None:
        record(e.Result(command.code, answer=command.said))
    stage.end(command.code, command.said)


def _recording(command: Staged, kind: str) -> Callable[[e.Result], None] | None:
    """What writes the command's end to the journal; None if it is not recorded there."""
    store = command.ports.journal if kind else None
    if store is None:
        return None
    from deployer.journal.forecast import forecast
    from deployer.journal.recorder import RecordedCommand, Recorder
    from reconciler.ports.journal.writer import JournalWriter
    from reconciler.sweep.record import resources_of

    stage, ports = command.emit, command.ports
    writer = JournalWriter(store, lambda text: stage(e.Warned(text)))
    stage.recorder = recorder = Recorder(
        writer, RecordedCommand(kind, ports.service.name, ports.by)
    )
    if kind in FORETOLD:
        forecast(store, ports.service.name, stage.expect)

    def end(result: e.Result) -> None:
        if command.said.get("already"):
            return
        about = command.about or str(command.said.get("deploy", ""))
        swept = resources_of(command.swept, ports.prices) if command.swept else ()
        recorder.end(result, about, command.why, swept)

    return end


def _tell(
    stage: TerminalStage,
    record: Callable[[e.Result], None] | None,
    error: BaseException,
    code: int,
) -> bool:
    """Print the end of the output: the failure, the present state, the next command."""
    message, detail, cure = parts(error)
    if record is not None:
        record(e.Result(code, message, detail, cure))
    stage.fail(code, message, detail, cure)
    return True


def confirmation(
    asked: CliContext, lines: Callable[[_T], Iterable[str]], question: str, *, yes: bool
) -> Callable[[_T], None]:
    """Shows what a command is about to do, and asks the user; does neither with --yes."""

    def agreed(intended: _T) -> None:
        if not yes:
            asked.tell("\n".join(lines(intended)))
        confirm(question, yes=yes)

    return agreed


def outcome_teller(asked: CliContext) -> Callable[[Outcome], None]:
    """Prints each outcome of a clean-up as progress."""
    from reconciler.output.sweep import one_line

    return lambda outcome: asked.tell(one_line(outcome))


def answer_swept(stage: Staged, schema: str, result: SweepResult) -> int:
    """Print what a clean-up has done; returns the exit code."""
    from reconciler.output.sweep import as_json, in_lines

    prices, stage.swept = stage.ports.prices, result
    code = Exit.DONE if result.clean else Exit.DIRT
    stage.answer(schema, as_json(result, prices), lambda: "\n".join(in_lines(result, prices)), code)
    return code
