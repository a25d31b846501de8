"""The two command lines: help that is instant and true, and commands that end as they should."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import jsonschema
import pytest

import deployer.commands.bake
import deployer.wiring
from deployer import events as e
from deployer.cli.main import cli as deployer_cli
from deployer.commands.init import SERVICE, begin
from deployer.release.context import ReleaseOptions
from reconciler.cli.main import cli as reconciler_cli
from reconciler.cli.shared import ended
from reconciler.config.loader import load
from reconciler.errors import ConfigError, DirtRemains, Refused, ToolError
from reconciler.exit_codes import Exit
from reconciler.util.signals import Interrupted

ROOT = Path(__file__).parents[4]
ID = "shop/20261123T031502Z-7kq2m"
HEAVY = {
    *("asyncssh", "boto3", "botocore", "cryptography", "jinja2", "moto", "paramiko"),
    *("prometheus_client", "psycopg", "pydantic", "requests", "rich", "structlog", "tenacity"),
    *("werkzeug", "yaml"),
}


def commands(group: click.Group, prefix: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every command of a group that is not imported lazily, with its words."""
    for name, one in group.commands.items():
        if type(one) is click.Command:
            yield (*prefix, name)


EVERY = [
    *commands(deployer_cli, ("deployer",)),
    *commands(reconciler_cli, ("reconciler",)),
]
GROUPS = {"deployer": deployer_cli, "reconciler": reconciler_cli}


def _find(words: tuple[str, ...]) -> click.Command:
    return GROUPS[words[0]].commands[words[1]]


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    """A line of what it does, an example that runs it, its exit codes, a line an option."""
    one = _find(words)
    first = (one.help or "").splitlines()[0]
    assert first.endswith(".")
    assert len(first) <= 48
    assert " ".join(words) in (one.epilog or "")
    assert "Exit codes:" in (one.epilog or "")
    for option in one.params:
        if isinstance(option, click.Option):
            assert option.help
            assert len(option.help) <= 60


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_examples_are_commands_that_exist(words: tuple[str, ...]) -> None:
    """Each example parses: its options and arguments are those of the command."""
    shown = (_find(words).epilog or "").partition("Exit codes:")[0]
    for line in shown.splitlines():
        program, _, rest = line.strip().partition(" ")
        if program not in GROUPS:
            continue
        typed = re.split(r" \|\| | \| | > |   ", rest)[0]
        name, *arguments = shlex.split(typed)
        GROUPS[program].commands[name].make_context(name, arguments, resilient_parsing=False)


@pytest.mark.parametrize("words", [("deployer",), ("reconciler",), *EVERY], ids=" ".join)
def test_help_runs_nothing(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`rollback shop --help` is help, not a rollback; no configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DEPLOY_CONFIG", raising=False)
    rest = [*words[1:], "shop", "--help"] if len(words) > 1 else ["--help"]
    assert ended(GROUPS[words[0]], rest) == 0


@pytest.mark.parametrize("module", ["deployer.cli.main", "reconciler.cli.main"])
def test_help_imports_nothing_heavy(module: str, tmp_path: Path) -> None:
    """Help of a group and of a command is instant: no AWS, no SSH, no terminal library."""
    code = (
        f"import sys; from {module} import cli; from reconciler.cli.shared import ended\n"
        "ended(cli, ['--help']); ended(cli, ['plan', '--help'])\n"
        f"sys.exit(' '.join({HEAVY!r} & set(sys.modules)) or 0)"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=tmp_path, stdout=subprocess.DEVNULL
    )


WITHOUT_EXTRA = """
import sys
sys.modules["psutil"] = None
from deployer.cli.main import main
main()
"""


@pytest.mark.parametrize("words", [("sandbox", "up"), ("sandbox", "--help")])
def test_the_sandbox_without_its_libraries(words: tuple[str, ...]) -> None:
    """Installed without the extra: a plain word, how to install it, and exit 2; no traceback."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRA, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == Exit.USAGE
    assert "`sandbox` is not installed: the Python package psutil is missing" in done.stderr
    assert "pip install 'deploysweep[sandbox]'" in done.stderr
    assert "bug" not in done.stderr


@pytest.mark.parametrize("program", ["deployer", "reconciler"])
def test_no_configuration(program: str, tmp_path: Path) -> None:
    """Without one: exit 2, and how to begin."""
    env = {k: v for k, v in os.environ.items() if k != "DEPLOY_CONFIG"}
    code = f"from {program}.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "plan", *(["shop"] if program == "deployer" else [])],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == Exit.USAGE
    assert done.stderr.startswith("there is no configuration: config is not a directory\n")
    assert "deployer init" in done.stderr


# --- a release, with the use case played ------------------------------------------------------


Play = Callable[[e.Listener, ReleaseOptions], None]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with the service shop, made by `init`."""
    home = tmp_path / "config"
    begin(home, "shop", {"record": "shop.example.com", "account": "1" * 12, "region": "eu-west-1"})
    monkeypatch.setenv("DEPLOY_CONFIG", str(home))
    return home


@pytest.fixture
def played(
    shop: Path,  # noqa: ARG001  what it wrote is read
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Play], None]:
    """Sets what `up` does in place of a release; no edge is put together."""

    def set_play(play: Play) -> None:
        def up(_: object, options: ReleaseOptions, emit: e.Listener) -> None:
            play(emit, options)

        monkeypatch.setattr(deployer.commands.bake, "up", up)

    ports = SimpleNamespace(journal=None)
    monkeypatch.setattr(deployer.wiring, "wired", lambda *_, **__: ports)
    return set_play


def _begin(emit: e.Listener) -> None:
    emit(e.ReleaseBegan("shop", ID, "v2", "v1"))
    emit(e.StepBegan("smoke"))


def _undo(emit: e.Listener, left: int = 0) -> None:
    emit(e.CleanUpBegan("smoke"))
    emit(e.CleanUpDone({"instance": 1}, left))


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(one) for one in text.splitlines()]


def test_options_reach_the_release(played: Callable[[Play], None]) -> None:
    """Every option of `up` arrives as what it means."""
    seen: list[ReleaseOptions] = []
    played(lambda _, options: seen.append(options))
    line = (
        "up shop --ref v2 --sweep-first --despite i-1 --despite ami-2 --wait 15m --keep-failed 2h"
    )
    assert ended(deployer_cli, line.split()) == 0
    (options,) = seen
    assert (options.ref, options.sweep_first) == ("v2", True)
    assert options.despite == {"i-1", "ami-2"}
    assert options.wait.total_seconds() == 900
    assert options.keep_failed is not None
    assert options.keep_failed.total_seconds() == 7200


def test_a_release_that_succeeds(
    played: Callable[[Play], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The result on stdout, the way there on stderr, exit 0."""

    def play(emit: e.Listener, _: ReleaseOptions) -> None:
        _begin(emit)
        emit(e.StepDone("smoke", "200", 1.0))
        emit(e.Released("shop", ID, "v2", "v1", ("10.0.0.1",), 2.0))

    played(play)
    assert ended(deployer_cli, ["up", "shop"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("shop is live on v2 (was v1)")
    assert "smoke     200 (1.0s)" in err


def test_a_release_that_fails(
    played: Callable[[Play], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Why, what went on, what was removed, the next command; exit 1 and no tone of success."""

    def play(emit: e.Listener, _: ReleaseOptions) -> None:
        _begin(emit)
        emit(e.StepFailed("smoke", "answered 500", "relation does not exist"))
        _undo(emit)
        raise ToolError("answered 500", detail="relation does not exist", cure="look at the log")

    played(play)
    assert ended(deployer_cli, ["up", "shop"]) == Exit.FAILED
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(
        "✗ smoke: answered 500\n"
        "    relation does not exist\n"
        "shop stays on v1, which kept serving.\n"
        "Removed: 1 instance.\n"
        "look at the log\n"
    )


def test_a_refusal_stands_for_itself(
    played: Callable[[Play], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3, in the refusal's own words; nothing was begun, so nothing stays or was removed."""

    def play(_: e.Listener, __: ReleaseOptions) -> None:
        raise Refused("shop is not clean.", cure="To remove it   reconciler sweep")

    played(play)
    assert ended(deployer_cli, ["up", "shop"]) == Exit.REFUSED
    assert capsys.readouterr().err == "shop is not clean.\nTo remove it   reconciler sweep\n"


def test_dirt_that_remains(
    played: Callable[[Play], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 4; the first error is told before the clean-up's."""

    def play(emit: e.Listener, _: ReleaseOptions) -> None:
        _begin(emit)
        emit(e.StepFailed("smoke", "answered 500"))
        _undo(emit, left=1)
        raise DirtRemains("one thing is left", detail="i-1")

    played(play)
    assert ended(deployer_cli, ["up", "shop"]) == Exit.DIRT
    err = capsys.readouterr().err
    assert err.index("✗ smoke: answered 500") < err.index("one thing is left\n    i-1")
    assert "Left behind: 1 resource." in err


@pytest.mark.parametrize(("signum", "code"), [(2, 130), (15, 143)])
def test_a_signal_that_was_cleaned_up(
    played: Callable[[Play], None], capsys: pytest.CaptureFixture[str], signum: int, code: int
) -> None:
    """The code says which, the words say what was undone."""

    def play(emit: e.Listener, _: ReleaseOptions) -> None:
        _begin(emit)
        _undo(emit)
        raise Interrupted(signum)

    played(play)
    assert ended(deployer_cli, ["up", "shop"]) == code
    err = capsys.readouterr().err
    assert "stopped by SIG" in err
    assert "shop stays on v1, which kept serving.\nRemoved: 1 instance." in err


@pytest.mark.parametrize("error", [None, Refused("no"), DirtRemains("left"), ValueError("bug")])
def test_the_stream_is_whole(
    played: Callable[[Play], None], capsys: pytest.CaptureFixture[str], error: Exception | None
) -> None:
    """With --json: first the version, last the result with the process's own exit code."""

    def play(emit: e.Listener, _: ReleaseOptions) -> None:
        _begin(emit)
        if error is not None:
            raise error

    played(play)
    code = ended(deployer_cli, ["up", "shop", "--json"])
    first, *_, last = lines = _lines(capsys.readouterr().out)
    schema = json.loads((ROOT / "docs/events.schema.json").read_text())
    for line in lines:
        jsonschema.validate(line, schema)
    assert first["type"] == "version"
    assert (last["type"], last["exit"]) == ("result", code)
    assert [one["type"] for one in lines].count("result") == 1


@pytest.mark.usefixtures("shop")
def test_an_unknown_service(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 before any edge is touched, with the nearest name."""
    assert ended(deployer_cli, ["up", "sohp"]) == Exit.USAGE
    assert "did you mean shop?" in capsys.readouterr().err


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("to", ["v1", "shop/20261123T031502Z", "latest"])
def test_rollback_wants_an_id(to: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything that is no deploy-id is refused before anything is looked at."""
    assert ended(deployer_cli, ["rollback", "shop", "--to", to]) == Exit.USAGE
    assert "not a deploy-id" in capsys.readouterr().err


# --- init -----------------------------------------------------------------------------------------


def test_init_writes_a_configuration_that_loads(shop: Path) -> None:
    """What `init` writes is sound as it is."""
    one = load(shop).service("shop")
    assert (one.record, one.app.units) == ("shop.example.com", ("shop",))


def test_what_init_comments_out_is_sound_too() -> None:
    """Every key it explains exists: with all comments taken away it still loads."""
    text = SERVICE.substitute(service="shop", record="a.example.com", account="1", region="r")
    every = [line.removeprefix("# ") for line in text.splitlines()[1:]]
    keys = {line.partition("=")[0].strip() for line in every if " = " in line or "  = " in line}
    assert {"keep_for", "max_freeze", "no_reboot", "limit", "tries", "writes"} <= keys


def test_init_with_everything_uncommented_loads(tmp_path: Path) -> None:
    """The examples in the comments are values the schema takes."""
    home = tmp_path / "config"
    path = begin(
        home, "shop", {"record": "a.example.com", "account": "1" * 12, "region": "eu-west-1"}
    )
    head, *lines = path.read_text().splitlines()
    text = "\n".join(line.removeprefix("# ") for line in lines)
    path.write_text(text.replace("ami-…", "ami-0abc").replace("7d", "7d"))
    assert load(home).service("shop").database is not None
    assert head.startswith("# How shop")


def test_init_does_not_overwrite(shop: Path) -> None:
    """A file that exists is somebody's work."""
    before = (shop / "services/shop.toml").read_text()
    with pytest.raises(Refused, match="exists already"):
        begin(shop, "shop", {"record": "x", "account": "x", "region": "x"})
    assert before == (shop / "services/shop.toml").read_text()


def test_init_refuses_what_is_no_name(tmp_path: Path) -> None:
    """A name that could not name things in the cloud is refused first."""
    with pytest.raises(ConfigError, match="no name for a service"):
        begin(tmp_path, "../shop", {"record": "x", "account": "x", "region": "x"})


def test_init_asks_nobody_without_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A CI would wait for ever: what is wanted is named, and nothing is written."""
    words = ["--config", str(tmp_path), "init", "shop", "--account", "1" * 12]
    assert ended(deployer_cli, words) == Exit.USAGE
    said = capsys.readouterr().err
    assert "Record, the DNS name that its clients use: there is no terminal to ask on" in said
    assert not (tmp_path / "services").exists()
