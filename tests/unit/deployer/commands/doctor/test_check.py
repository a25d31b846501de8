"""How a probe becomes lines, JSON and an exit code."""

from __future__ import annotations

import pytest

from deployer.commands.doctor.check import (
    Check,
    Found,
    Once,
    Skipped,
    Status,
    attempt,
    check_json,
    check_lines,
    exit_code,
)
from reconciler.errors import AccessDenied, CloudError, ConfigError, Refused, ToolError
from reconciler.exit_codes import Exit


def failing(error: ToolError) -> list[Check]:
    """The checks of a probe that raises this."""

    def probe() -> str:
        raise error

    return list(attempt("shop", "zone", probe))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AccessDenied("no credentials"), Exit.ACCESS),
        (ConfigError("no such zone"), Exit.USAGE),
        (Refused("a lease is held"), Exit.REFUSED),
        (CloudError("no answer"), Exit.FAILED),
    ],
)
def test_the_exit_code_is_that_of_the_cause(error: ToolError, code: int) -> None:
    """By the one table of all commands."""
    assert exit_code(failing(error)) == code


def test_the_gravest_cause_counts() -> None:
    """Without credentials nothing else is known to be wrong."""
    assert exit_code([*failing(Refused("x")), *failing(AccessDenied("y"))]) == Exit.ACCESS
    assert exit_code([]) == Exit.DONE


def test_lines_say_what_stands_in_the_way() -> None:
    """One line a check, the cure below, and a last line for each service."""
    ok = list(attempt("web", "zone", lambda: Found("there", ("a second zone has it",))))
    skipped = failing(Skipped("nobody is live yet"))
    bad = failing(Refused("a lease is held", cure="deployer abort shop"))
    assert check_lines([*ok, *skipped, *bad], ["web", "shop"]) == [
        "✓ web      zone        there",
        "! web      zone        a second zone has it",
        "- shop     zone        skipped because nobody is live yet",
        "✗ shop     zone        a lease is held",
        "    deployer abort shop",
        "Ready: deployer up web",
        "Not ready: shop. In the way: zone",
    ]


def test_json_says_the_same() -> None:
    """For programs: which services are ready, and every check with its status and code."""
    bad = failing(Refused("a lease is held", cure="deployer abort shop"))
    answer = check_json(bad, ["shop", "web"])
    assert (answer["ok"], answer["ready"]) == (False, ["web"])
    (one,) = answer["checks"]
    assert (one["status"], one["ok"], one["code"]) == (Status.FAIL, False, Exit.REFUSED)


def test_a_shared_reading_fails_once() -> None:
    """The first check has the error; the others are skipped, and nothing is asked again."""
    asked: list[str] = []

    def read() -> str:
        asked.append("x")
        raise CloudError("no answer")

    reading = Once("the ledger", read)
    with pytest.raises(CloudError, match="no answer"):
        reading()
    with pytest.raises(Skipped, match="the ledger could not be read"):
        reading()
    assert asked == ["x"]


def test_a_reading_that_fails_ahead_is_the_failure_of_the_first_check_that_asks() -> None:
    """It was made before the checks, side by side with others; the order of lines stays."""
    asked: list[str] = []

    def read() -> str:
        asked.append("x")
        raise CloudError("no answer")

    reading = Once("the ledger", read)
    assert not reading.ahead()
    with pytest.raises(CloudError, match="no answer"):
        reading()
    with pytest.raises(Skipped, match="the ledger could not be read"):
        reading()
    assert asked == ["x"]


def test_a_reading_that_was_made_ahead_is_not_made_again() -> None:
    """Whoever asks gets the value."""
    asked: list[str] = []

    def read() -> str:
        asked.append("x")
        return "value"

    reading = Once("the ledger", read)
    assert reading.ahead()
    assert reading() == reading() == "value"
    assert asked == ["x"]
