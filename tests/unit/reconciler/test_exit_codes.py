"""From what happened to the exit code."""

from __future__ import annotations

import signal

import pytest

from reconciler import errors as e
from reconciler.exit_codes import MEANINGS, Exit, code_of
from reconciler.util.signals import Interrupted


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (e.ToolError("x"), 1),
        (e.SmokeFailed("x"), 1),
        (e.CloudUnclear("x"), 1),
        (e.ConfigError("x"), 2),
        (e.Refused("x"), 3),
        (e.LedgerUnknown("x"), 3),
        (e.DirtRemains("x"), 4),
        (e.FollowUpFailed("x"), 5),
        (e.AccessDenied("x"), 6),
        (RuntimeError("a bug"), 1),
        (KeyboardInterrupt(), 130),
        (Interrupted(signal.SIGINT), 130),
        (Interrupted(signal.SIGTERM), 143),
    ],
)
def test_the_table(error: BaseException, code: int) -> None:
    """Each kind of error has the code that scripts rely on."""
    assert code == code_of(error)


def test_a_subclass_has_its_parents_code() -> None:
    """A use case may name its refusal more exactly without leaving the table."""

    class DirtFound(e.Refused):
        pass

    assert code_of(DirtFound("x")) == Exit.REFUSED


def test_every_code_has_a_meaning() -> None:
    """`--help` can explain each."""
    assert set(Exit) == set(MEANINGS)
