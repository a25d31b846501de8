"""`reconciler explain` as it is typed: of a machine that AWS lists yet, and of one it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.exit_codes import Exit
from tests.cures.desk import Desk
from tests.fakes.scene import Scene


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    """The shop."""
    return Desk(Scene(tmp_path), tmp_path, monkeypatch, capsys)


def test_a_machine_that_was_terminated_is_told_as_gone(desk: Desk) -> None:
    """EC2 lists it for an hour: it carries our tags, and costs nothing."""
    desk.scene.heap.change("i-9", state="terminated")
    done = desk.types("reconciler explain i-9")
    assert done.code == Exit.DONE, done.text
    assert "i-9 of shop/" in done.text
    assert "is terminated: it is gone, and costs nothing" in done.text


def test_what_was_never_there_is_no_resource_of_ours(desk: Desk) -> None:
    """Exit 2, with where to look."""
    done = desk.types("reconciler explain i-0123456789abcdef0")
    assert done.code == Exit.USAGE
    assert "nothing with the id i-0123456789abcdef0 carries our tags" in done.text
    assert "reconciler report" in done.text
