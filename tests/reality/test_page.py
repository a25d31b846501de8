"""docs/reality.md says what ran, and on what; a run without machines does not replace it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reality import page, zoo

CASE = """<testcase classname="tests.reality.test_zoo" name="test_nobody_acts_who_must_not[rhel]"
 time="61.7"><properties><property name="machines" value="container: systemd 252"/></properties>
{inner}</testcase>"""
RUN = '<testsuites><testsuite timestamp="2026-11-29T11:20:00.1+00:00">{}</testsuite></testsuites>'


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page goes."""
    monkeypatch.setattr(page, "PAGE", tmp_path / "reality.md")
    return tmp_path / "reality.md"


@pytest.mark.parametrize(
    ("inner", "outcome"), [("", "passed"), ("<failure>no</failure>", "failure")]
)
def test_a_result_is_told_with_its_machines(written: Path, inner: str, outcome: str) -> None:
    """Test, first line of its docstring, versions, outcome, seconds; and when."""
    page.write(RUN.format(CASE.format(inner="") + CASE.format(inner=inner)))
    text = written.read_text()
    assert "\n- container: systemd 252\n" in text
    assert "began at 2026-11-29 11:20 UTC" in text
    assert (
        "| `test_zoo::test_nobody_acts_who_must_not[rhel]` | First clone, later clone, reboot of "
        "live, reboot of retired, with cloud-init in each way | container "
        f"| {outcome} | 62 |"
    ) in text
    assert all(f"| `{row.name}` |" in text for row in zoo.ROWS)


def test_nothing_ran(written: Path) -> None:
    """An ordinary user's run shows nothing: the page of an earlier run stays."""
    written.write_text("earlier")
    imitation = '<testcase classname="tests.reality.test_imitation" name="test_x" time="1"/>'
    page.write(RUN.format(CASE.format(inner="<skipped/>") + imitation))
    assert written.read_text() == "earlier"
