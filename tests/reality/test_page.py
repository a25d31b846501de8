"""docs/reality.md says what ran, and on what; a run without machines does not replace it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reality import page, zoo

CASE = """<testcase classname="tests.reality.test_zoo" name="test_nobody_acts_who_must_not[rhel]"
 time="61.7"><properties><property name="machines" value="container: systemd 252"/></properties>
{inner}</testcase>"""
COST = "7 min"
RUN = '<testsuites><testsuite timestamp="2026-11-29T11:20:00.1+00:00">{}</testsuite></testsuites>'


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page goes, and the runs that it is made of."""
    monkeypatch.setattr(page, "PAGE", tmp_path / "reality.md")
    monkeypatch.setattr(page, "RUNS", tmp_path / "runs.json")
    return tmp_path / "reality.md"


@pytest.mark.parametrize(
    ("inner", "outcome"), [("", "passed"), ("<failure>no</failure>", "failure")]
)
def test_a_result_is_told_with_its_machines(written: Path, inner: str, outcome: str) -> None:
    """Test, first line of its docstring, versions, outcome, seconds; and when."""
    page.write(page.CONTAINER, COST, RUN.format(CASE.format(inner="") + CASE.format(inner=inner)))
    text = written.read_text()
    assert "\n- container: systemd 252\n" in text
    assert "The last run of all took 7 min." in text
    assert (
        "| `test_zoo::test_nobody_acts_who_must_not[rhel]` | First clone, later clone, reboot of "
        "live, reboot of retired, with cloud-init in each way | container "
        f"| {outcome} | 62 | 2026-11-29 11:20 |"
    ) in text
    assert all(f"| `{row.name}` |" in text for row in zoo.ROWS)


def test_nothing_ran(written: Path) -> None:
    """An ordinary user's run shows nothing: the page of an earlier run stays."""
    written.write_text("earlier")
    imitation = '<testcase classname="tests.reality.test_imitation" name="test_x" time="1"/>'
    page.write(page.CONTAINER, COST, RUN.format(CASE.format(inner="<skipped/>") + imitation))
    assert written.read_text() == "earlier"


NOTED = """<testcase classname="tests.reality.vm.test_machines" name="test_x" time="900">
<properties><property name="machines" value="vm: Linux 6.1"/>
<property name="note" value="imaged in 0.11 s"/></properties></testcase>"""
RED = "reboot of live: zoo-socket acted&#10;first clone: host keys that answered: none"


def test_the_page_is_made_of_the_runs() -> None:
    """Of the stored runs and today's table: after a change, `make reality` or page.rewrite()."""
    assert page.PAGE.read_text() == page.text(page.stored())


def test_the_runs_of_both_kinds_stay(written: Path) -> None:
    """A run on virtual machines leaves the containers' results, and tells what it noted."""
    page.write(page.CONTAINER, COST, RUN.format(CASE.format(inner="")))
    page.write(page.VM, COST, RUN.format(NOTED))
    text = written.read_text()
    assert "- container: systemd 252\n" in text
    assert "- vm: Linux 6.1\n" in text
    assert "What `test_machines::test_x` measured and read in logs:\n\n- imaged in 0.11 s\n" in text


def test_what_the_older_version_lets_act(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With PRODUCT_BIN a run replaces no other; its red rows and faults stand beside today's."""
    page.write(page.CONTAINER, COST, RUN.format(CASE.format(inner="")))
    monkeypatch.setattr(page, "OTHER_PRODUCT", "/tmp/before/.venv/bin")
    told = f'<property name="differences" value="{RED}"/></properties>'
    case = CASE.replace("</properties>", told).format(inner="<failure>no</failure>")
    page.write(page.CONTAINER, COST, RUN.format(case + NOTED))
    page.write(page.CONTAINER, "", RUN.format(NOTED))
    text = written.read_text()
    assert "| `zoo-socket` | a socket | jobs | `zoo-socket.socket` | refused | red: rhel |" in text
    assert "| `zoo-simple` | Type=simple | app | `zoo-simple.service` | yes | green |" in text
    rows = "test_zoo::test_nobody_acts_who_must_not"
    assert f"gate | `{rows}[rhel]`, `{rows}[disabled]` | red | not run |" in text
    assert f"condition | `{rows}[debian]`, `{rows}[rhel]` | not run | not run |" in text
