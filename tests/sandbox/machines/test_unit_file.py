"""Units are read with systemd's rules."""

from __future__ import annotations

import pytest

from deployer.sandbox.machines.systemd import unit_file
from deployer.sandbox.machines.systemd.unit_file import Check

_START = "[Service]\nExecStart=/bin/true\n"


def test_the_last_word_counts_and_nothing_forgets() -> None:
    """A single value is the last one; lists grow; an empty assignment empties the list."""
    made = unit_file.unit(
        "a.service",
        [
            "[Service]\nExecStart=/bin/old\nRestart=no\nEnvironment=A=1\n",
            "[Service]\nExecStart=\nExecStart=/bin/new\nRestart=always\nEnvironment=B=2\n",
        ],
    )
    assert [command.words for command in made.exec_start] == [("/bin/new",)]
    assert made.restart == "always"
    assert made.environment == {"A": "1", "B": "2"}


def test_comments_and_continued_lines() -> None:
    """A backslash joins lines, a comment between them is left out."""
    made = unit_file.unit(
        "a.service", ["# x\n; y\n[Service]\nExecStart=/bin/echo a \\\n# between\n  b\n"]
    )
    assert made.exec_start[0].words == ("/bin/echo", "a", "b")


def test_quotes_variables_and_specifiers() -> None:
    """`$X` alone is split, `${X}` is not, `$$` is a dollar, `%n` the unit's name."""
    made = unit_file.unit(
        "job@night.service", ["[Service]\nExecStart=/bin/x 'a b' $M \"${M}\" $$M %i %n 100%%\n"]
    )
    assert made.exec_start[0].argv({"M": "1 2"}) == [
        "/bin/x", "a b", "1", "2", "1 2", "$M", "night", "job@night.service", "100%",
    ]  # fmt: skip


def test_a_dash_lets_a_command_fail() -> None:
    """The prefix is no part of the path."""
    made = unit_file.unit("a.service", [_START + "ExecStartPre=-/bin/false\n"])
    assert made.exec_start_pre[0].may_fail
    assert made.exec_start_pre[0].words == ("/bin/false",)


def test_conditions_keep_their_sense() -> None:
    """Kind, path and negation."""
    text = "[Unit]\nConditionPathExists=!/a\nConditionPathExists=/b\nAssertPathExists=/c\n"
    made = unit_file.unit("a.service", [text, _START])
    assert made.conditions == (Check("PathExists", "/a", negated=True), Check("PathExists", "/b"))
    assert made.asserts == (Check("PathExists", "/c"),)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5.0), ("100ms", 0.1), ("1min 30s", 90.0), ("1.5s", 1.5), ("2h", 7200.0)],
)
def test_time_spans(text: str, seconds: float) -> None:
    """systemd.time(7)."""
    assert unit_file.span(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "[Service]\nRestart=no\n",
        "[Service]\nExecStart=/a\nExecStart=/b\n",
        _START + "RestartSec=soon\n",
        _START + "ExecStartPre=-\n",
    ],
)
def test_what_systemd_refuses_is_refused(text: str) -> None:
    """No command, several for one process, nonsense."""
    with pytest.raises(ValueError, match=r"."):
        unit_file.unit("a.service", [text])


def test_environment_files() -> None:
    """Quotes go, comments and other lines are passed over."""
    text = (
        "# c\nA=1\nB=\"two words\"\nC='$x'\nD=a#b\n\nnonsense\nE=\nURL=postgresql://a:b@c/d?x=1\n"
    )
    assert unit_file.environment_file(text) == {
        "A": "1",
        "B": "two words",
        "C": "$x",
        "D": "a#b",
        "E": "",
        "URL": "postgresql://a:b@c/d?x=1",
    }


@pytest.mark.parametrize(
    ("name", "full"),
    [("shop", "shop.service"), ("a.timer", "a.timer"), ("x.y", "x.y.service")],
)
def test_names(name: str, full: str) -> None:
    """`.service` may be left out."""
    assert unit_file.full_name(name) == full
