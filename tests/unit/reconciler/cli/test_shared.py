"""The one place where every command line ends: words, exit codes, streams."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import click
import jsonschema
import pytest

from reconciler import errors as e
from reconciler.cli.shared import DURATION, CliContext, common, confirm, ended, epilog, pass_asked
from reconciler.exit_codes import Exit

ROOT = Path(__file__).parents[4]


def command(work: Callable[[CliContext], int | None]) -> click.Command:
    """A group with one command, `do`, that does `work`."""

    @click.group()
    @common
    def group() -> None:
        """A group."""

    @group.command("do")
    @common
    @pass_asked
    def do(asked: CliContext) -> int | None:
        """Do it."""
        return work(asked)

    return group


def raising(error: BaseException) -> click.Command:
    """A command that raises."""

    def work(_: CliContext) -> int:
        raise error

    return command(work)


@pytest.mark.parametrize("code", [None, 0, 4, 10])
def test_a_command_says_its_exit_code(code: int | None) -> None:
    """What it returns is what the process ends with; nothing is 0."""
    assert (code or 0) == ended(command(lambda _: code), ["do"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (e.ToolError("it broke"), 1),
        (e.ConfigError("it broke"), 2),
        (e.Refused("it broke"), 3),
        (e.DirtRemains("it broke"), 4),
        (e.FollowUpFailed("it broke"), 5),
        (e.AccessDenied("it broke"), 6),
    ],
)
def test_an_error_is_told_without_a_traceback(
    error: e.ToolError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Message, what there is to read, the next command: on stderr, and nothing else."""
    error.detail, error.cure = "line 1\nline 2", "To mend it   mend --all"
    assert code == ended(raising(error), ["do"])
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "it broke\n    line 1\n    line 2\nTo mend it   mend --all\n"


def test_an_error_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets the result line of the published schema on stdout."""
    ended(raising(e.Refused("no", cure="wait")), ["do", "--json"])
    line = json.loads(capsys.readouterr().out)
    assert (line["exit"], line["message"], line["cure"]) == (3, "no", "wait")
    schema = json.loads((ROOT / "docs/events.schema.json").read_text())
    jsonschema.validate(line, schema)


def test_a_secret_in_an_error_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever put a URL into a message: its password does not leave."""
    ended(raising(e.CloudError("cannot reach postgres://u:hunter2@h/d")), ["do", "-v"])
    out, err = capsys.readouterr()
    assert "hunter2" not in out + err
    assert "postgres://u:***@h/d" in err


def test_verbose_shows_the_cause(capsys: pytest.CaptureFixture[str]) -> None:
    """-v adds the traceback with the foreign error that was behind it."""
    error = e.CloudError("short")
    error.__cause__ = KeyError("the foreign one")
    ended(raising(error), ["-v", "do"])
    assert "the foreign one" in capsys.readouterr().err


def test_a_bug_is_one_line_and_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user reads one line; the traceback is kept where that line says, without secrets."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert ended(raising(ZeroDivisionError("postgres://u:hunter2@h")), ["do"]) == Exit.FAILED
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first == "this is a bug: ZeroDivisionError: postgres://u:***@h"
    kept = Path(second.removeprefix("The traceback is in "))
    assert "Traceback" in kept.read_text()
    assert "hunter2" not in kept.read_text()
    assert kept.stat().st_mode & 0o77 == 0


def test_a_bug_where_nothing_can_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a place for the file, the traceback itself is shown."""
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    ended(raising(ZeroDivisionError("x")), ["do"])
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("line", [["do", "--nope"], ["dont"], ["do", "extra"]])
def test_usage(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command line is exit 2, with how it should be."""
    assert ended(command(lambda _: 0), line) == Exit.USAGE
    assert "Usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        ["--json", "-v", "--config", "/c", "do"],
        ["do", "--json", "-v", "--config", "/c"],
        ["--json", "do", "-v", "--config", "/c"],
    ],
)
def test_common_options_stand_before_or_after(line: list[str]) -> None:
    """Nobody has to remember where --json goes."""
    seen: list[CliContext] = []

    def work(asked: CliContext) -> None:
        seen.append(asked)

    assert ended(command(work), line) == 0
    asked = seen[0]
    assert (asked.as_json, asked.verbose, asked.config) == (True, True, Path("/c"))


def test_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal there is no prompt: it says --yes."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(e.ConfigError, match="say --yes"):
        confirm("Really?", yes=False)
    confirm("Really?", yes=True)


@pytest.mark.parametrize(("say", "code"), [("click.echo", 0), ("asked.say", 4), ("asked.tell", 4)])
def test_a_reader_that_went_away_is_no_error(say: str, code: int) -> None:
    """`reconciler sweep | head -1`: the work goes on to its end and its own exit code.

    Only what a command prints directly, as its help, ends it, with 0.
    """
    program = (
        "import sys, click\n"
        "from reconciler.cli.shared import ended, pass_asked\n"
        "@click.command()\n"
        "@pass_asked\n"
        "def many(asked):\n"
        f"    for _ in range(20000): {say}('x' * 100)\n"
        "    return 4\n"
        "sys.exit(ended(many, []))"
    )
    reader, writer = os.pipe()
    with subprocess.Popen([sys.executable, "-c", program], stdout=writer, stderr=writer) as process:
        os.close(writer)
        os.read(reader, 10)
        os.close(reader)
        assert process.wait(timeout=60) == code


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal(signum: signal.Signals, code: int) -> None:
    """The first signal ends a command in words, with the code scripts know."""
    program = (
        "import sys, click, threading\n"
        "from reconciler.cli.shared import ended\n"
        "@click.command()\n"
        "def wait():\n"
        "    click.echo('ready')\n"
        "    sys.stdout.flush()\n"
        "    threading.Event().wait()\n"
        "sys.exit(ended(wait, []))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signum)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (code, f"stopped by {signum.name}\n")


def test_durations_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The same words as in the configuration; anything else is a usage error."""
    seen: list[timedelta] = []

    @click.command()
    @click.option("--wait", type=DURATION)
    def cmd(wait: timedelta) -> None:
        seen.append(wait)

    assert ended(cmd, ["--wait", "15m"]) == 0
    assert seen == [timedelta(minutes=15)]
    assert ended(cmd, ["--wait", "15"]) == Exit.USAGE
    assert "'15' is not a duration" in capsys.readouterr().err


def test_epilogs_keep_their_lines() -> None:
    """Examples and codes are shown as written."""
    text = epilog("a b\n   c d", (Exit.DONE, Exit.DIRT))
    assert "  a b\n  c d\n" in text
    assert "  4         dirt or a contradiction remains" in text
    assert "  130, 143  stopped by a signal, cleaned up" in text


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("deployer status sh", {"shop"}),
        ("deployer rollb", {"rollback"}),
        ("reconciler sweep --service s", {"shop", "site"}),
        ("deployer status x", set()),
    ],
)
def test_a_shell_completes_commands_and_services(
    tmp_path: Path, words: str, offered: set[str]
) -> None:
    """The names are those of the configuration's files; a wrong file among them is no obstacle."""
    services = tmp_path / "services"
    services.mkdir()
    (services / "shop.toml").write_text("not TOML")
    (services / "site.toml").touch()
    program = words.split(maxsplit=1)[0]
    asked = {
        f"_{program.upper()}_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
        "DEPLOY_CONFIG": str(tmp_path),
    }
    done = subprocess.run(
        [Path(sys.executable).with_name(program)],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {line.partition(",")[2] for line in done.stdout.splitlines() if line} == offered


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (e.SwapLost("somebody else has changed it"), "deployer status"),
        (e.CloudUnclear("no answer"), "Repeat the command"),
        (e.CannotConnect("no way", kind="no-route"), "deployer doctor"),
        (e.SwapLost("it is changed", cure="do this"), "do this"),
    ],
)
def test_a_message_without_a_cure_has_its_types(
    capsys: pytest.CaptureFixture[str], error: e.ToolError, shown: str
) -> None:
    """What helps is said by the type, with no name of a service where there is none."""
    ended(raising(error), ["do"])
    said = capsys.readouterr().err
    assert shown in said
    assert "SERVICE" not in said
