"""Shared by both command lines: options, examples in the help, error handling at the end.

Every error is reported by `ended`: message, detail, next command, and the exit code of
`reconciler.exit_codes`. Users see a traceback only if they asked for it.
"""

from __future__ import annotations

import glob
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.cli.repeat import repeated
from reconciler.errors import ConfigError, ToolError
from reconciler.exit_codes import MEANINGS, Exit, code_of
from reconciler.util import gc_tuning
from reconciler.util.duration import parse_duration
from reconciler.util.line_writer import LineWriter, mute
from reconciler.util.secret import redact
from reconciler.util.signals import Interrupted, handled

if TYPE_CHECKING:
    from reconciler.config.loader import Settings

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass
class CliContext:
    """The options common to all commands, given before or after the command's name.

    `on_error` may report an error (while a release is displayed); True if it reported everything.
    `load` reads the configuration, where it is not read anew for each command.
    """

    config: Path | None = None
    as_json: bool = False
    verbose: bool = False
    last_words: str = ""
    context: click.Context | None = None
    on_error: Callable[[BaseException, int], bool] = lambda _, __: False
    load: Callable[[Path | None], Settings] | None = None
    _out: LineWriter | None = None
    _err: LineWriter | None = None

    def settings(self) -> Settings:
        """Load the configuration. Raises ConfigError."""
        from reconciler.config import loader

        return (self.load or loader.load)(self.config)

    def say(self, text: str) -> None:
        """Write a line of the result to stdout. A closed pipe stops nothing."""
        self._out = self._out or LineWriter(sys.stdout)
        self._out.line(text)

    def tell(self, text: str) -> None:
        """Write a line of progress to stderr. A closed pipe stops nothing."""
        self._err = self._err or LineWriter(sys.stderr)
        self._err.line(text)

    def answer(self, schema: str, value: Mapping[str, Any], text: Callable[[], str]) -> None:
        """Write the result: with --json `value` under the name of its schema, else `text`."""
        if not self.as_json:
            self.say(text().rstrip("\n"))
            return
        head = {"schema": schema} if schema else {}
        self.say(json.dumps({**head, **value}, ensure_ascii=False))


pass_asked = click.make_pass_decorator(CliContext, ensure=True)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    asked = context.ensure_object(CliContext)
    asked.context = context  # of the innermost command: its options are read last
    if value and parameter.name:
        setattr(asked, parameter.name, value)


_remembered = partial(click.option, expose_value=False, callback=_remember)

_COMMON: Sequence[Callable[[Callable[..., Any]], Callable[..., Any]]] = (
    _remembered(
        "--config",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Configuration; default $DEPLOY_CONFIG, else ./config.",
    ),
    _remembered("--json", "as_json", is_flag=True, help="Output JSON, one object per line."),
    _remembered("-v", "--verbose", is_flag=True, help="Log more to stderr, tracebacks included."),
)


def service_names(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """The configured services whose names begin so: for the shell's completion."""
    from reconciler.config.loader import locate  # a slow import

    asked = context.find_object(CliContext) or CliContext()
    files = sorted((locate(asked.config) / "services").glob(f"{glob.escape(begun)}*.toml"))
    return [path.stem for path in files]


def common(command: _F) -> _F:
    """Add the options that every command takes, before or after its name."""
    for option in reversed(_COMMON):
        command = option(command)
    return command


class _Duration(click.ParamType[timedelta]):
    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION = _Duration()


SERVICES = click.option(
    "--service",
    "services",
    multiple=True,
    metavar="NAME",
    shell_complete=service_names,
    help="Only this service; repeatable.",
)
JOBS_DESPITE = click.option(
    "--jobs-despite",
    multiple=True,
    metavar="i-…",
    help="Start the jobs though this machine is silent. Repeatable.",
)


def epilog(examples: str, codes: Iterable[Exit]) -> str:
    """Examples and exit codes for the end of a command's help, with their line breaks."""
    lines = [f"  {code.value:<8}  {MEANINGS[code]}" for code in codes]
    lines.append("  130, 143  stopped by a signal, cleaned up")
    shown = "\n".join(f"  {line.strip()}" for line in examples.strip().splitlines())
    return f"\b\nExamples:\n{shown}\n\n\b\nExit codes:\n" + "\n".join(lines)


def confirm(question: str, *, yes: bool) -> None:
    """Ask the user to confirm; aborts on no. Raises ConfigError without a terminal."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"{question} There is no terminal to ask on: say --yes.")
    if not click.confirm(question, default=False, err=True):
        raise click.Abort


def ended(
    command: click.Command,
    arguments: Sequence[str] | None = None,
    load: Callable[[Path | None], Settings] | None = None,
) -> int:
    """Run a command line to its end; returns the exit code. `load`: as in CliContext."""
    asked = CliContext(load=load)
    gc_tuning.begin()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        with handled(lambda: asked.last_words or "Stopped."):
            return _run(command, arguments, asked)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        return _usage(asked, error)
    except click.Abort:
        click.echo("Nothing was done.", err=True)
        return 130
    except BrokenPipeError:
        return _reader_gone()
    except (ToolError, Interrupted, KeyboardInterrupt) as error:
        return _told(asked, error)
    except Exception as error:  # noqa: BLE001  the last resort: told in one line, kept whole
        return _bug(asked, error)


def _run(command: click.Command, arguments: Sequence[str] | None, asked: CliContext) -> int:
    """Do the steps of click's `main` here, because it exits with 1 on a closed pipe."""
    name = Path(sys.argv[0]).name
    if os.environ.get(f"_{name.upper()}_COMPLETE"):
        command.main(prog_name=name)  # answers the shell's completion request, and exits
    words = list(sys.argv[1:] if arguments is None else arguments)
    with command.make_context(name, words, obj=asked) as context:
        code = command.invoke(context)
    sys.stdout.flush()
    return code if isinstance(code, int) else Exit.DONE


def _usage(asked: CliContext, error: click.ClickException) -> int:
    if asked.as_json:
        _json_result(asked, Exit.USAGE, error.format_message(), "", "")
    error.show()
    return Exit.USAGE


def _reader_gone() -> int:
    """Handle a closed pipe (`… | head`): not an error, and nothing to flush at exit."""
    mute(sys.stdout)
    return Exit.DONE


def _told(asked: CliContext, error: BaseException) -> int:
    if isinstance(error, ToolError):
        error.cure = repeated(error.cure or error.advice, asked.context, asked.config)
        error.cure = error.cure.replace(" SERVICE", "")  # of no service, or of each
    if asked.verbose and isinstance(error, ToolError):
        asked.tell(redact(_trace(error)))
    return _reported(asked, error, code_of(error))


def _reported(asked: CliContext, error: BaseException, code: int) -> int:
    if not asked.on_error(error, code):
        message, detail, cure = parts(error)
        if asked.as_json:
            _json_result(asked, code, message, detail, cure)
        for line in in_words(message, detail, cure):
            asked.tell(line)
    return code


def parts(error: BaseException) -> tuple[str, str, str]:
    """Message, detail and cure of an error, redacted."""
    if not isinstance(error, ToolError):
        return str(error) or "stopped", "", ""
    return redact(error.message), redact(error.detail), redact(error.cure or error.advice)


def in_words(message: str, detail: str, cure: str) -> list[str]:
    """An error as lines for a person: message, detail, cure."""
    from reconciler.util.humanize import clean, indented

    return [*clean(message).splitlines(), *indented(detail), *clean(cure).splitlines()]


def _json_result(asked: CliContext, code: int, message: str, detail: str, cure: str) -> None:
    from reconciler.output.json_stream import result_line

    asked.say(result_line(code, message, detail, cure, alone=True))


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip()


def _bug(asked: CliContext, error: Exception) -> int:
    """Report an unexpected error: one line, and the path of the traceback."""
    message = f"this is a bug: {type(error).__name__}: {redact(str(error))}"
    where, trace = "", redact(_trace(error))
    if asked.verbose:
        asked.tell(trace)
    else:
        where = _keep(trace)
    cure = f"The traceback is in {where}" if where else ""
    return _reported(asked, ToolError(message, cure=cure), Exit.FAILED)


def _keep(trace: str) -> str:
    """Write the traceback to a private file, or to stderr if that fails."""
    try:
        descriptor, path = tempfile.mkstemp(prefix="traceback-", suffix=".log")
        with os.fdopen(descriptor, "w") as file:
            file.write(trace + "\n")
    except OSError:
        click.echo(trace, err=True)
        return ""
    return path
