"""A cure repeats what was asked: the same options in the command that leads on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.cli.main import cli
from reconciler.cli.repeat import repeated
from reconciler.cli.shared import CliContext, ended

ID = "shop/20261123T031502Z-7kq2m"
Cure = Callable[[str, str], str]


@pytest.fixture
def cure() -> Cure:
    """The cure as it is shown after this command line."""

    def shown(line: str, text: str) -> str:
        asked = CliContext()
        words = line.split()
        begins = next(n for n, word in enumerate(words) if word in cli.commands)
        context = cli.make_context("deployer", words[: begins + 1], obj=asked)
        name, command, rest = cli.resolve_command(context, words[begins:])
        assert command is not None
        command.make_context(name, rest, parent=context)
        return repeated(text, asked.context, asked.config)

    return shown


@pytest.mark.parametrize(
    ("line", "offered", "shown"),
    [
        ("up shop --ref v2", "deployer up shop --wait 15m", "deployer up shop --wait 15m --ref v2"),
        ("up shop --wait 5m", "deployer up shop --wait 15m", "deployer up shop --wait 15m"),
        (
            "up shop --keep-failed 45m --despite i-1",
            "To go on   deployer up shop --despite i-2",
            "To go on   deployer up shop --despite i-2 --despite i-1 --keep-failed 45m",
        ),
        (f"rollback shop --to {ID}", "deployer rollback shop", f"deployer rollback shop --to {ID}"),
        ("rollback shop --discard-writes", "deployer rollback shop", "deployer rollback shop"),
        (
            f"rollback shop --to {ID} --discard-writes",
            "deployer rollback shop",
            f"deployer rollback shop --to {ID} --discard-writes",
        ),
        ("thaw shop --deployer-is-dead", "deployer thaw shop", "deployer thaw shop"),
        (
            f"thaw shop --deployer-is-dead --not-moved {ID}",
            "deployer thaw shop",
            "deployer thaw shop",
        ),
        (
            "adopt shop --yes --release v1",
            "deployer adopt shop",
            "deployer adopt shop --release v1",
        ),
        ("up shop --ref v2", "deployer status shop", "deployer status shop"),
        ("up shop --ref v2", "deployer up blog", "deployer up blog"),
        ("up shop", "To try again   deployer up SERVICE", "To try again   deployer up shop"),
        ("up shop", "To begin one    deployer init", "To begin one    deployer init shop"),
        (
            "up shop",
            "what is needed   reconciler policy",
            "what is needed   reconciler policy --for deployer",
        ),
        ("up shop --config c", "deployer status shop", "deployer status shop --config c"),
    ],
)
def test_what_was_asked_is_repeated(cure: Cure, line: str, offered: str, shown: str) -> None:
    """Options of the same command; `--config` always; a user's word for the state of then never."""
    seen, wanted = cure(line, offered).split(), shown.split()
    assert sorted(seen) == sorted(wanted)
    assert seen[:3] == wanted[:3]


def test_a_cure_without_a_command_is_left(cure: Cure) -> None:
    """Prose stays prose."""
    text = "raise database.max_freeze, or end the deployer"
    assert cure("up shop --ref v2", text) == text


def test_an_error_at_the_command_line_is_completed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole way: what is printed after a failed command can be pasted."""
    home = tmp_path / "none"
    assert ended(cli, ["up", "shop", "--config", str(home)]) == 2
    assert f"deployer init shop --config {home}" in capsys.readouterr().err


def test_the_context_is_the_innermost(cure: Cure) -> None:
    """`--config` before the command's name counts as well."""
    assert cure("--config c up shop", "deployer status shop") == "deployer status shop --config c"
